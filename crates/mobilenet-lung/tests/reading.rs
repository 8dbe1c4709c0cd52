//! What is said about a file, held to its published schema.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use mobilenet_lung::{
    ByFinding, Caution, Finding, Findings, InDistribution, PredictionSet, READING_VERSION, Reading,
    Report, Timings,
};
use radiograph::Radiograph;
use serde_json::{Value, json};

fn reference(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Where `value` breaks `schema`, by the keywords that the schema uses; a keyword that is not known here fails the test.
fn flaw(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let no = |why: String| Some(format!("{at}: {why}"));
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("type {other}"),
    };
    let length = || match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    } as f64;
    let number = || value.as_f64().unwrap_or(f64::NAN);
    for (keyword, rule) in schema.as_object().unwrap() {
        let limit = || rule.as_f64().unwrap();
        let ok = match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" => true,
            "type" => match rule {
                Value::String(name) => is(name),
                names => names
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|n| is(n.as_str().unwrap())),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => number() >= limit(),
            "maximum" => number() <= limit(),
            "exclusiveMinimum" => number() > limit(),
            "exclusiveMaximum" => number() < limit(),
            "minLength" | "minItems" | "minProperties" => length() >= limit(),
            "maxItems" | "maxProperties" => length() <= limit(),
            "uniqueItems" => {
                let items = value.as_array().unwrap();
                (1..items.len()).all(|i| !items[..i].contains(&items[i]))
            }
            "oneOf" => {
                let schemas = rule.as_array().unwrap().iter();
                schemas.filter(|one| flaw(one, value, at).is_none()).count() == 1
            }
            "required" => (rule.as_array().unwrap().iter())
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    if let Some(found) = flaw(rule, item, &format!("{at}[{i}]")) {
                        return Some(found);
                    }
                }
                true
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    let found = value.get(name);
                    if let Some(found) = found.and_then(|v| flaw(rule, v, &format!("{at}.{name}")))
                    {
                        return Some(found);
                    }
                }
                true
            }
            "additionalProperties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    if schema["properties"].get(name).is_some() {
                        continue;
                    }
                    if *rule == json!(false) {
                        return no(format!("{name} is unknown"));
                    }
                    if let Some(found) = flaw(rule, field, &format!("{at}.{name}")) {
                        return Some(found);
                    }
                }
                true
            }
            other => panic!("the schema uses {other}, which this test does not know"),
        };
        if !ok {
            return no(format!("{value} breaks {keyword} {rule}"));
        }
    }
    None
}

fn reading() -> Reading {
    let findings = Findings::new(["a", "b", "7"].map(Finding::named).to_vec()).unwrap();
    let report = Report {
        finding: "b".to_owned(),
        probabilities: ByFinding::new(&findings, [0.25, 0.5, 0.25]),
        prediction_set: Some(PredictionSet {
            coverage: 0.9,
            findings: vec!["b".to_owned(), "a".to_owned()],
        }),
        in_distribution: Some(InDistribution {
            score: 0.75,
            accepted: true,
        }),
        evidence: ByFinding::new(&findings, [[[0.5; 7]; 7]; 3]),
        operating_point: "default".to_owned(),
        model: "mobilenet-lung-0123456789ab".to_owned(),
    };
    let image = Radiograph::from_luma(2, 1, vec![0.0, 1.0]).unwrap();
    Reading::new(&image, report, "cpu", Timings::default())
}

#[test]
fn a_reading_is_as_its_schema_says() {
    let schema = reference("reading.schema.json");
    assert_eq!(schema["properties"]["version"]["const"], READING_VERSION);
    let whole = reading();
    let mut least = whole.clone();
    least.report.prediction_set = None;
    least.report.in_distribution = None;
    let mut counted = whole.clone();
    counted.cautions.push(Caution {
        code: "first-frame-only".to_owned(),
        message: "The file holds 3 images, of which only the first was read.".to_owned(),
        count: Some(3),
    });
    for reading in [whole, least, counted] {
        let value = serde_json::to_value(&reading).unwrap();
        assert_eq!(flaw(&schema, &value, "reading"), None);
        // As text: a `Value` sorts its fields, and the order of the findings would be lost.
        let text = serde_json::to_string(&reading).unwrap();
        assert_eq!(serde_json::from_str::<Reading>(&text).unwrap(), reading);
    }
}

#[test]
fn the_example_is_one_and_loses_nothing_on_its_way() {
    let schema = reference("reading.schema.json");
    let example = reference("reading.example.json");
    assert_eq!(flaw(&schema, &example, "example"), None);
    let reading: Reading = serde_json::from_value(example.clone()).unwrap();
    let again = serde_json::to_value(&reading).unwrap();
    assert_eq!(flaw(&schema, &again, "example"), None);
    let fields =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(fields(&again), fields(&example));
    assert_eq!(again["dicom"], example["dicom"]);
    assert_eq!(again["source"], example["source"]);
    // Evidence sums to the logits, whose softmax the probabilities are.
    let logits: Vec<f32> = (reading.report.evidence.values())
        .map(|map| map.as_flattened().iter().sum())
        .collect();
    let probabilities = mobilenet_lung::softmax(&logits, 1.0);
    for (a, b) in probabilities
        .iter()
        .zip(reading.report.probabilities.values())
    {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn what_is_no_reading_breaks_the_schema() {
    let schema = reference("reading.schema.json");
    for change in [
        (&|value: &mut Value| value["version"] = json!(2)) as &dyn Fn(&mut Value),
        &|value| value["file"] = json!("patient.png"),
        &|value| value["probabilities"]["a"] = json!(1.5),
        &|value| value["prediction_set"]["findings"] = json!([]),
        &|value| value["prediction_set"] = json!(["a"]),
        &|value| value["evidence"]["a"] = json!([[0]]),
        &|value| drop(value.as_object_mut().unwrap().remove("operating_point")),
        &|value| value["cautions"] = json!([{ "code": "x" }]),
    ] {
        let mut value = serde_json::to_value(reading()).unwrap();
        change(&mut value);
        assert!(flaw(&schema, &value, "reading").is_some(), "{value}");
    }
}
