//! Charts as SVG to put into a page.

use anyhow::anyhow;
use plotters::chart::SeriesLabelPosition;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, ChartContext, Color, IntoDrawingArea, IntoFont, LineSeries,
    PathElement, RGBColor, Rectangle, SVGBackend, TRANSPARENT,
};

use crate::evaluate::metrics::{Bin, Curves, RiskCoverage};
use crate::report::escape::html;
use crate::train::EpochLog;

/// Size of a chart in units of its own; a page shows it as large as there is room.
const SIZE: (u32, u32) = (520, 400);

/// Colours of series, in turn, readable on white and on black; `page.css` tells the second and third apart by dashes as well.
const COLOURS: [RGBColor; 8] = [
    RGBColor(58, 134, 208),
    RGBColor(217, 122, 30),
    RGBColor(31, 157, 111),
    RGBColor(170, 90, 190),
    RGBColor(196, 78, 82),
    RGBColor(140, 130, 40),
    RGBColor(40, 160, 170),
    RGBColor(130, 110, 100),
];

/// A chart with what is written below it.
pub(super) struct Chart {
    /// An `svg` element.
    pub(super) svg: String,
    pub(super) caption: String,
}

/// A line of a chart.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart's axes, from 0 on.
struct Axes {
    title: String,
    x: &'static str,
    y: &'static str,
    /// Where they end.
    ends: (f64, f64),
}

type Context<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws axes, then what `content` adds, and returns an `svg` element with its title as text.
fn draw(
    axes: &Axes,
    legend: SeriesLabelPosition,
    content: impl FnOnce(&mut Context<'_, '_>) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let font = ("sans-serif", 16).into_font();
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(18)
            .x_label_area_size(42)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..axes.ends.0, 0.0..axes.ends.1)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(axes.x)
            .y_desc(axes.y)
            .label_style(font.clone())
            .axis_desc_style(font.clone())
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .draw()
            .map_err(failed)?;
        content(&mut chart)?;
        chart
            .configure_series_labels()
            .position(legend)
            .label_font(font)
            .background_style(TRANSPARENT)
            .border_style(TRANSPARENT)
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    // Within a page the name space is known, and a page that names no address at all is easy to check.
    let svg = svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
    let label = format!(
        "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" ",
        html(&axes.title)
    );
    Ok(svg.replacen("<svg ", &label, 1))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a chart could not be drawn: {error}")
}

fn draw_lines(chart: &mut Context<'_, '_>, lines: &[Line<'_>]) -> anyhow::Result<()> {
    for (line, colour) in lines.iter().zip(COLOURS.into_iter().cycle()) {
        chart
            .draw_series(LineSeries::new(
                line.points.iter().copied(),
                colour.stroke_width(2),
            ))
            .map_err(failed)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    Ok(())
}

/// A faint line that others are held against.
fn draw_faint(chart: &mut Context<'_, '_>, points: [(f64, f64); 2]) -> anyhow::Result<()> {
    chart
        .draw_series(LineSeries::new(points, BLACK.mix(0.4)))
        .map_err(failed)?;
    Ok(())
}

/// True against false positives, one line a finding.
pub(super) fn roc<'a>(
    curves: impl Iterator<Item = (&'a str, &'a Curves)>,
) -> anyhow::Result<String> {
    let lines: Vec<Line<'_>> = curves
        .map(|(name, curves)| Line {
            name,
            points: (curves.roc.iter())
                .map(|point| (point.false_positive_rate, point.true_positive_rate))
                .collect(),
        })
        .collect();
    let axes = Axes {
        title: "ROC curves".to_owned(),
        x: "false positive rate",
        y: "true positive rate",
        ends: (1.0, 1.0),
    };
    draw(&axes, SeriesLabelPosition::LowerRight, |chart| {
        draw_faint(chart, [(0.0, 0.0), (1.0, 1.0)])?;
        draw_lines(chart, &lines)
    })
}

/// Precision against recall, one line a finding, in steps: a straight line between two points would promise what no
/// threshold gives.
pub(super) fn precision_recall<'a>(
    curves: impl Iterator<Item = (&'a str, &'a Curves)>,
) -> anyhow::Result<String> {
    let lines: Vec<Line<'_>> = curves
        .map(|(name, curves)| {
            let mut points: Vec<(f64, f64)> = Vec::new();
            let mut recall = 0.0;
            for point in &curves.precision_recall {
                points.push((recall, point.precision));
                points.push((point.recall, point.precision));
                recall = point.recall;
            }
            Line { name, points }
        })
        .collect();
    let axes = Axes {
        title: "Precision-recall curves".to_owned(),
        x: "recall",
        y: "precision",
        ends: (1.0, 1.0),
    };
    draw(&axes, SeriesLabelPosition::LowerLeft, |chart| {
        draw_lines(chart, &lines)
    })
}

/// Accuracy of each bin of the top probability, with the share of images in it, and where it would be.
pub(super) fn reliability(bins: &[Bin]) -> anyhow::Result<String> {
    let images: usize = bins.iter().map(|bin| bin.images).sum();
    let axes = Axes {
        title: "Reliability diagram".to_owned(),
        x: "probability of the most probable finding",
        y: "share classified correctly",
        ends: (1.0, 1.0),
    };
    let bars = |colour: RGBColor, alpha: f64, height: &dyn Fn(&Bin) -> f64| {
        bins.iter()
            .filter(|bin| bin.images > 0)
            .map(|bin| {
                let corners = [(bin.lower, 0.0), (bin.upper, height(bin))];
                Rectangle::new(corners, colour.mix(alpha).filled())
            })
            .collect::<Vec<_>>()
    };
    let legend = |colour: RGBColor, alpha: f64| {
        move |(x, y)| Rectangle::new([(x, y - 5), (x + 20, y + 5)], colour.mix(alpha).filled())
    };
    draw(&axes, SeriesLabelPosition::UpperLeft, |chart| {
        let [blue, orange, ..] = COLOURS;
        chart
            .draw_series(bars(blue, 0.55, &|bin| bin.accuracy.unwrap_or_default()))
            .map_err(failed)?
            .label("accuracy")
            .legend(legend(blue, 0.55));
        chart
            .draw_series(bars(orange, 0.55, &|bin| {
                bin.images as f64 / images.max(1) as f64
            }))
            .map_err(failed)?
            .label("share of the images")
            .legend(legend(orange, 0.55));
        draw_faint(chart, [(0.0, 0.0), (1.0, 1.0)])
    })
}

/// What is wrong among the surest images.
pub(super) fn risk_coverage(risk: &RiskCoverage) -> anyhow::Result<String> {
    let points: Vec<(f64, f64)> = (risk.curve.iter())
        .map(|point| (point.coverage, point.risk))
        .collect();
    let highest = points.iter().map(|(_, risk)| *risk).fold(0.0, f64::max);
    let axes = Axes {
        title: "Risk against coverage".to_owned(),
        x: "share of the images answered, the surest first",
        y: "share of the answers wrong",
        ends: (1.0, (highest * 1.1).max(0.05)),
    };
    let lines = [Line {
        name: "risk",
        points,
    }];
    draw(&axes, SeriesLabelPosition::UpperLeft, |chart| {
        draw_lines(chart, &lines)
    })
}

/// Loss and accuracy by epoch: two charts.
pub(super) fn training(epochs: &[EpochLog]) -> anyhow::Result<[Chart; 2]> {
    let line = |name, of: &dyn Fn(&EpochLog) -> Option<f64>| Line {
        name,
        points: (epochs.iter().enumerate())
            .filter_map(|(place, epoch)| Some(((place + 1) as f64, of(epoch)?)))
            .filter(|(_, value)| value.is_finite())
            .collect(),
    };
    let chart = |title: &str, y, highest: Option<f64>, lines: &[Line<'_>]| {
        let top = (lines.iter())
            .flat_map(|line| line.points.iter().map(|(_, value)| *value))
            .fold(0.0, f64::max);
        let axes = Axes {
            title: title.to_owned(),
            x: "epoch",
            y,
            ends: (
                epochs.len() as f64 + 0.5,
                highest.unwrap_or((top * 1.05).max(0.05)),
            ),
        };
        let legend = match highest {
            Some(_) => SeriesLabelPosition::LowerRight,
            None => SeriesLabelPosition::UpperRight,
        };
        draw(&axes, legend, |chart| draw_lines(chart, lines))
    };
    let loss = chart(
        "Loss by epoch",
        "cross-entropy",
        None,
        &[
            line("training", &|epoch| Some(epoch.train_loss)),
            line("validation", &|epoch| epoch.validation_loss),
        ],
    )?;
    let accuracy = chart(
        "Accuracy by epoch",
        "share classified correctly",
        Some(1.0),
        &[
            line("training", &|epoch| Some(epoch.train_accuracy)),
            line("validation", &|epoch| epoch.validation_accuracy),
        ],
    )?;
    Ok([
        Chart {
            svg: loss,
            caption: "Loss. That of the training is of images as they passed, augmented and with smoothed labels.".to_owned(),
        },
        Chart {
            svg: accuracy,
            caption: "Accuracy. That of the validation is of the averaged weights.".to_owned(),
        },
    ])
}
