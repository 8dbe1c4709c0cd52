//! Whatever a device may give back, made into a report: each number in it is finite, and it is JSON.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use mobilenet_lung::architecture::{EMBEDDING, GRID};
use mobilenet_lung::bundle::OperatingPoint;
use mobilenet_lung::inference::Inference;
use mobilenet_lung::{
    ByFinding, Distribution, Finding, Findings, Interpretation, PredictionSets, Preprocessing, Reading, Spread, Timings,
};
use radiograph::Radiograph;

/// A number above 0, as a bundle's statistics have to be.
fn above_0(input: &mut Unstructured) -> arbitrary::Result<f32> {
    let value = f32::arbitrary(input)?.abs();
    Ok(if value.is_finite() && value > 0.0 { value } else { 1.0 })
}

/// As many numbers as there should be, most of the time.
fn numbers(input: &mut Unstructured, usual: usize) -> arbitrary::Result<Vec<f32>> {
    let length = if input.ratio(1, 16)? { input.int_in_range(0..=2 * usual)? } else { usual };
    // A few numbers, over and over: what they are matters, not that they all differ.
    let some: [f32; 7] = Arbitrary::arbitrary(input)?;
    Ok(some.iter().copied().cycle().take(length).collect())
}

fn run(input: &mut Unstructured) -> arbitrary::Result<()> {
    let directions = input.int_in_range(1..=3)?;
    let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
    let count: usize = input.int_in_range(2..=20)?;
    let findings = (0..count).map(|at| Finding::named(format!("sign {at}"))).collect();
    let findings = Findings::new(findings).expect("findings");
    let mut of = |value: &mut dyn FnMut(&mut Unstructured) -> arbitrary::Result<f32>| {
        let values: arbitrary::Result<Vec<f32>> = (0..count).map(|_| value(input)).collect();
        Ok::<_, arbitrary::Error>(ByFinding::new(&findings, values?))
    };
    let scales = of(&mut above_0)?;
    let offsets = of(&mut |input| Ok(finite(f32::arbitrary(input)?)))?;
    let thresholds = of(&mut |input| Ok(finite(f32::arbitrary(input)?).clamp(0.0, 1.0)))?;
    let calibrated_on = thresholds.map(|_| 1);
    let interpretation = Interpretation {
        model: "mobilenet-lung-000000000000".to_owned(),
        scales,
        operating_points: vec![OperatingPoint {
            offsets,
            prediction_sets: Some(PredictionSets { coverage: 0.9, thresholds, calibrated_on }),
            ..OperatingPoint::plain("clinic", &findings)
        }],
        default_operating_point: "clinic".to_owned(),
        findings,
        distribution: Some(Distribution {
            mean: vec![finite(f32::arbitrary(input)?); EMBEDDING],
            directions: vec![finite(f32::arbitrary(input)?); directions * EMBEDDING],
            spread: Spread {
                variances: vec![above_0(input)?; directions],
                other_variance: above_0(input)?,
                limit: above_0(input)?,
            },
        }),
    };
    let inference = Inference {
        evidence: numbers(input, count * GRID * GRID)?,
        embedding: numbers(input, EMBEDDING)?,
    };
    match interpretation.report(&inference, None) {
        Ok(report) => {
            let probabilities: Vec<f32> = report.probabilities.values().copied().collect();
            assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{probabilities:?}");
            let set = report.prediction_set.as_ref().expect("a set");
            assert_eq!(set.findings.first(), Some(&report.finding));
            let likeness = report.in_distribution.expect("a score");
            assert!((0.0..=1.0).contains(&likeness.score), "{likeness:?}");
            assert!(report.evidence.values().all(|map| map.as_flattened().iter().all(|v| v.is_finite())));
            let image = Radiograph::from_luma(1, 1, vec![0.5]).expect("an image");
            let reading = Reading::new(&image, report, "cpu", Timings::default());
            let text = serde_json::to_string(&reading).expect("JSON");
            assert_eq!(serde_json::from_str::<Reading>(&text).expect("the same"), reading);
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().is_empty()),
    }

    // The other end of it: whatever was decoded becomes numbers that a network can take.
    let (width, height) = (input.int_in_range(1..=96)?, input.int_in_range(1..=96)?);
    let luma = numbers(input, width as usize * height as usize)?;
    if let Ok(radiograph) = Radiograph::from_luma(width, height, luma) {
        let preprocessing = Preprocessing { side: 64, detail: input.int_in_range(1..=64)?, ..Preprocessing::IMAGENET };
        let values = preprocessing.apply(&radiograph);
        assert_eq!(values.len(), 3 * 64 * 64);
        assert!(values.iter().all(|value| value.is_finite()));
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    // Too few bytes make no case.
    let _ = run(&mut Unstructured::new(bytes));
});
