use std::path::PathBuf;

use mobilenet_lung::architecture::GRID;
use mobilenet_lung::{ByFinding, Findings, InDistribution, Metadata};
use roxmltree::{Document, ParsingOptions};

use super::*;
use crate::evaluate::Tests;
use crate::evaluate::audit::Audit;
use crate::evaluate::metrics::share_of;
use crate::evaluate::metrics::{Evaluation, ForeignMetrics, Outcome, Tested};
use crate::evaluate::peer::{Both, PeerTests, Theirs};
use crate::report::{NOT_IN_MODEL, command_in_words};
use crate::train::{EpochLog, Stage};

const HOSTILE: &str = "a\"><script>alert('1')</script>&amp;<img src=x>\u{7}\u{202e}gnp.png";

fn outcome(number: usize, statistics: bool) -> Outcome {
    let findings = Findings::lung_xray();
    let ids: Vec<String> = findings.ids().map(str::to_owned).collect();
    let called = match number.is_multiple_of(4) {
        true => 0,
        false => number % 3,
    };
    let top = 0.5 + number as f32 / 64.0;
    let share = |row| {
        if row == called {
            top
        } else {
            (1.0 - top) / 2.0
        }
    };
    let (truth, called) = (ids[number % 3].clone(), ids[called].clone());
    Outcome {
        file: format!("{number}{HOSTILE}"),
        path: PathBuf::from(format!("/nowhere/{number}{HOSTILE}")),
        source: HOSTILE.to_owned(),
        origin: HOSTILE.to_owned(),
        truth,
        also_correct: Vec::new(),
        probabilities: ByFinding::new(&findings, (0..3).map(share)),
        prediction_set: statistics.then(|| vec![called.clone()]),
        called,
        in_distribution: statistics.then_some(InDistribution {
            score: top,
            accepted: true,
        }),
        evidence: ByFinding::new(
            &findings,
            [
                [[-1.0; GRID]; GRID],
                [[0.5; GRID]; GRID],
                [[0.0; GRID]; GRID],
            ],
        ),
    }
}

fn tests(statistics: bool) -> Tests {
    let outcomes: Vec<Outcome> = (0..30).map(|number| outcome(number, statistics)).collect();
    let unreadable = vec![(HOSTILE.to_owned(), HOSTILE.to_owned())];
    let findings = Findings::lung_xray();
    let tested = Tested {
        model: "model",
        operating_point: "default",
        findings: &findings,
    };
    let test = |split: &str, outcomes: &[Outcome]| {
        Evaluation::new(&tested, split.into(), outcomes, unreadable.clone())
    };
    let foreign = [(
        HOSTILE.to_owned(),
        outcomes[0].in_distribution,
        "Normal".to_owned(),
    )];
    Tests::new(
        test("all", &outcomes),
        vec![test(HOSTILE, &outcomes[..15]), test("b", &outcomes[15..])],
        Some(ForeignMetrics::new(
            HOSTILE.to_owned(),
            &foreign,
            unreadable.clone(),
            &outcomes,
        )),
    )
}

#[test]
fn the_text_has_each_folder_where_there_are_several() {
    let mut tests = tests(false);
    let text = tests.to_text();
    for split in ["b", "all"] {
        assert!(text.contains(&format!("images    {split}")), "{text}");
    }
    tests.folders.remove(0);
    assert!(!tests.to_text().contains("images    b"));
}

fn page(tests: &Tests) -> String {
    let metadata = Metadata {
        trained_on: HOSTILE.to_owned(),
        licence: String::new(),
        notice: HOSTILE.to_owned(),
        ..Metadata::plain(
            Findings::lung_xray(),
            mobilenet_lung::architecture::AttentionConfig::default(),
        )
    };
    let epochs: Vec<EpochLog> = (1..=4)
        .map(|epoch| EpochLog {
            stage: Stage::Head,
            epoch,
            train_loss: 1.0 / epoch as f64,
            train_accuracy: 0.5 + epoch as f64 / 10.0,
            validation_loss: Some(1.1 / epoch as f64),
            validation_accuracy: Some(0.5),
            validation_by_source: Default::default(),
            from_layer: None,
            seconds: 1.0,
        })
        .collect();
    Page {
        tests,
        metadata: &metadata,
        epochs: &epochs,
        command: &command_in_words(["lung".to_owned(), HOSTILE.to_owned()].into_iter()),
    }
    .to_html()
    .unwrap()
}

/// The page as XML: it panics where the page is not well-formed.
fn parse(page: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(page, options).unwrap()
}

#[test]
fn a_page_is_well_formed_and_hostile_names_are_text_in_it() {
    let html = page(&tests(true));
    let document = parse(&html);
    let names = || document.descendants().filter(|node| node.is_element());
    for forbidden in [
        "script", "img", "image", "link", "iframe", "object", "base", "form",
    ] {
        assert!(
            !names().any(|node| node.tag_name().name() == forbidden),
            "{forbidden}"
        );
    }
    for forbidden in [
        "<script", "<img", "http:", "https:", "url(", "@import", " src=",
    ] {
        // The hostile name itself says ` src=`, as text.
        let written = html.replace("&lt;img src=x", "");
        assert!(!written.contains(forbidden), "{forbidden}");
    }
    for node in names() {
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            if attribute.name() == "href" {
                assert!(attribute.value().starts_with("file:///nowhere/"));
                assert!(attribute.value().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
    // What was escaped reads as it was, but for what nothing should read.
    let shown = HOSTILE.replace(['\u{7}', '\u{202e}'], "\u{fffd}");
    let headings: Vec<&str> = names()
        .filter(|node| node.tag_name().name() == "h2")
        .filter_map(|node| node.text())
        .collect();
    assert_eq!(headings[0], shown);
    assert_eq!(headings[2], "all");
}

#[test]
fn a_page_has_every_chart_and_the_images_that_are_most_wrong() {
    let tests = tests(true);
    let html = page(&tests);
    let document = parse(&html);
    let count = |class: &str| {
        document
            .descendants()
            .filter(|node| node.attribute("class") == Some(class))
            .count()
    };
    // Four charts for each of two folders and all of them, two of the training.
    assert_eq!(count("chart"), 3 * 4 + 2);
    // Twelve images each, of three findings.
    assert_eq!(count("evidence"), 3 * 12 * 3);
    // As many ROC curves as findings: lines of the series, besides the axes and the key.
    let roc = document
        .descendants()
        .find(|node| node.attribute("aria-label") == Some("ROC curves"))
        .unwrap();
    for colour in ["#3A86D0", "#D97A1E", "#1F9D6F"] {
        let lines = roc
            .children()
            .filter(|node| node.attribute("stroke") == Some(colour))
            .count();
        assert_eq!(lines, 2, "{colour}: the curve and its key");
    }
    assert!(html.contains(&format!("{:.3}", tests.all.accuracy.share)));
    assert!(html.contains("not a medical device"));
    assert!(html.contains("<code>lung &#39;a&quot;&gt;"));
}

#[test]
fn a_page_of_a_model_without_statistics_says_so() {
    let html = page(&tests(false));
    parse(&html);
    // Prediction sets and refusals of three tests, refusals and AUROC of the foreign images.
    assert_eq!(html.matches(NOT_IN_MODEL).count(), 3 * 2 + 2);
}

#[test]
fn a_page_has_another_network_beside_ours() {
    let mut tests = tests(true);
    assert!(!page(&tests).contains("Beside another network"));
    let both: Vec<Both> = (0..30)
        .map(|number| Both {
            ours: outcome(number, true),
            theirs: Theirs::Healthy(0.6),
        })
        .collect();
    let peer = PeerTests::new("ours".into(), HOSTILE.into(), &both, Some("Normal"));
    tests.peer = Some(peer);
    let html = page(&tests);
    parse(&html);
    for wanted in [
        "Beside another network",
        "AUC, ill against healthy",
        "McNemar",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert!(!html.contains("<script>"));
}

#[test]
fn a_page_of_no_image_is_still_a_page() {
    let nothing = Evaluation::new(
        &Tested {
            model: "model",
            operating_point: "default",
            findings: &Findings::lung_xray(),
        },
        "nothing".into(),
        &[],
        Vec::new(),
    );
    let html = page(&Tests::new(nothing, Vec::new(), None));
    parse(&html);
    assert!(!html.contains("NaN"));
}

/// The words of a page: without its style, and without what its drawings are made of, which other tests look at.
fn words_of(page: &str) -> String {
    let page = page.replace(include_str!("page.css").trim_end(), "");
    let mut out = String::new();
    let mut rest = page.as_str();
    while let Some((before, drawing)) = rest.split_once("<svg") {
        let (attributes, inside) = drawing.split_once('>').unwrap();
        let (_, after) = inside.split_once("</svg>").unwrap();
        out += &format!("{before}<svg{attributes}></svg>");
        rest = after;
    }
    out + rest
}

#[test]
fn a_page_reads_as_it_did() {
    let mut tests = tests(true);
    tests.folders.clear();
    tests.all.highest_loss.truncate(2);
    insta::assert_snapshot!("test", words_of(&page(&tests)));
}

#[test]
fn the_page_of_an_audit_is_well_formed_and_reads_as_it_did() {
    let share = |correct| share_of(correct, 10);
    let audit: Audit = serde_json::from_value(serde_json::json!({
        "model": HOSTILE,
        "split": HOSTILE,
        "groups": [{
            "group": {"folder": HOSTILE, "origin": "adult", "finding": "Normal"},
            "images": 10,
            "right": share(9),
            "refused": share(0),
            "changed": {"crop6": share(1)},
            "worst_framing": share(1),
            "remains": {"lungs-hidden": {"right": share(4), "refused": share(2)}},
        }],
        "probes": [{
            "of": HOSTILE,
            "classes": {HOSTILE: 5, "b": 5},
            "balanced_accuracy": 0.75,
            "interval": [0.5, 1.0],
            "chance": 0.5,
        }],
        "unreadable": [[HOSTILE, HOSTILE]],
    }))
    .unwrap();
    let html = audit_page(&audit, HOSTILE).unwrap();
    let document = parse(&html);
    let mut names = document.descendants().map(|node| node.tag_name().name());
    assert!(!names.any(|name| ["script", "img"].contains(&name)));
    insta::assert_snapshot!("audit", words_of(&html));
}
