use mobilenet_lung::{Findings, Preprocessing, softmax};
use radiograph::Radiograph;
use radiograph::phantom::{Pattern, phantom};

use super::{Meaning, PeerConfig, PeerError, Theirs};

const OURS: &str = "side = 224\ndetail = 160\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n\
                    [outputs]\nnormal = [0]\nlung_opacity = [1]\nviral_pneumonia = [2]\n";

fn read(text: &str) -> PeerConfig {
    let config: PeerConfig = toml::from_str(text).unwrap();
    config.check().unwrap();
    config
}

fn meaning(text: &str) -> Result<Meaning, PeerError> {
    read(text).meaning(&Findings::lung_xray())
}

#[test]
fn our_own_input_can_be_described() {
    let radiograph = phantom(Pattern::Focal, 1, 300);
    let config = read(OURS);
    let preprocessing = Preprocessing {
        detail: 160,
        ..Preprocessing::IMAGENET
    };
    assert_eq!(config.shape(), [1, 3, 224, 224]);
    let (theirs, ours) = (config.input(&radiograph), preprocessing.apply(&radiograph));
    assert_eq!(theirs.len(), ours.len());
    for (got, want) in theirs.iter().zip(ours) {
        // Divided here, multiplied by the reciprocal there.
        assert!((got - want).abs() < 1e-5, "{got} {want}");
    }
}

#[test]
fn bytes_one_channel_and_channels_last_are_made_as_they_are_described() {
    let luma = (0..256).map(|i| 0.25 + i as f32 / 1024.0).collect();
    let radiograph = Radiograph::from_luma(16, 16, luma).unwrap();
    let outputs = "ill = [1]\n[outputs]\nnormal = [0]\n";
    let bytes = read(&format!(
        "side = 16\nscale = 255\nstretch = false\ncolours = \"grey\"\n{outputs}"
    ));
    assert_eq!(bytes.shape(), [1, 1, 16, 16]);
    assert_eq!(bytes.input(&radiograph)[0], 0.25 * 255.0);
    let last = read(&format!(
        "side = 16\nmean = [0.0, 0.5, 1.0]\nchannels_last = true\n{outputs}"
    ));
    assert_eq!(last.shape(), [1, 16, 16, 3]);
    assert_eq!(last.input(&radiograph)[..3], [0.0, -0.5, -1.0]);
}

#[test]
fn outputs_become_probabilities() {
    let ours = meaning(OURS).unwrap();
    let Theirs::Findings(got) = ours.read(&[1.0, 2.0, 0.5]).unwrap() else {
        panic!("it names findings");
    };
    for (got, want) in got.values().zip(softmax(&[1.0, 2.0, 0.5], 1.0)) {
        assert!((got - want).abs() < 1e-6);
    }
    let healthy = |text: &str, numbers: &[f32]| match meaning(text).unwrap().read(numbers) {
        Ok(Theirs::Healthy(share)) => share,
        other => panic!("{other:?}"),
    };
    // 0.75 ill and 0.5 normal.
    let two = "side = 64\nactivation = \"sigmoid\"\nill = [0]\n[outputs]\nnormal = [1]\n";
    assert!((healthy(two, &[3f32.ln(), 0.0]) - 0.4).abs() < 1e-6);
    let four = "side = 64\nactivation = \"none\"\nill = [1, 2]\n[outputs]\nnormal = [0, 3]\n";
    assert!((healthy(four, &[0.1, 0.2, 0.4, 0.3]) - 0.4).abs() < 1e-6);
}

#[test]
fn of_ill_and_healthy_one_is_what_is_missing_to_one() {
    let healthy = |text: &str, numbers: &[f32]| match meaning(text).unwrap().read(numbers) {
        Ok(Theirs::Healthy(share)) => share,
        other => panic!("{other:?}"),
    };
    let one = "side = 64\nactivation = \"sigmoid\"\nill = [0]\n";
    assert!((healthy(one, &[3f32.ln()]) - 0.25).abs() < 1e-6);
    // Either of two, each with 0.5: 0.75.
    let either = "side = 64\nactivation = \"sigmoid\"\nill = [0, 1]\n";
    assert!((healthy(either, &[0.0, 0.0, 9.0]) - 0.25).abs() < 1e-6);
    let rest = "side = 64\n[outputs]\nnormal = [1]\n";
    let wanted = softmax(&[1.0, 2.0, 0.5, 0.1], 1.0)[1];
    assert!((healthy(rest, &[1.0, 2.0, 0.5, 0.1]) - wanted).abs() < 1e-6);
    // Rounded a little above 1.
    let plain = "side = 64\nactivation = \"none\"\nill = [0, 1]\n";
    assert_eq!(healthy(plain, &[0.6, 0.4001]), 0.0);
    let error = meaning(plain).unwrap().read(&[0.9, 0.8]).unwrap_err();
    assert!(matches!(error, PeerError::Numbers(_)), "{error}");
    // Softmax makes 1 of one number, whatever it is.
    let always = meaning("side = 64\nill = [0]\n").unwrap();
    let error = always.read(&[0.3]).unwrap_err();
    assert!(matches!(error, PeerError::OneSide(1)), "{error}");
}

#[test]
fn a_crop_keeps_the_square_at_the_centre() {
    // Each column has its own brightness.
    let luma = (0..16 * 40).map(|i| (i % 40) as f32 / 40.0).collect();
    let radiograph = Radiograph::from_luma(40, 16, luma).unwrap();
    let first = |crop: &str| {
        let text = format!("side = 8\nstretch = false\ncolours = \"grey\"\n{crop}\nill = [0]\n");
        read(&text).input(&radiograph)[0]
    };
    let whole = first("");
    let (square, half) = (first("crop = 1.0"), first("crop = 0.5"));
    assert!(whole < 4.0 / 40.0, "{whole}");
    // Columns from 12 and from 16 on.
    assert!((12.0 / 40.0..14.0 / 40.0).contains(&square), "{square}");
    assert!((16.0 / 40.0..17.0 / 40.0).contains(&half), "{half}");
}

#[test]
fn the_example_in_the_guide_describes_a_network() {
    let guide = include_str!("../../../../../docs/guide/audit.md");
    let example = guide.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    assert!(meaning(example).unwrap().names_findings());
}

#[test]
fn numbers_that_make_no_probabilities_are_refused() {
    let ours = meaning(OURS).unwrap();
    let too_few = ours.read(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(too_few, PeerError::Outputs { place: 2, given: 2 }));
    let plain = meaning(&format!("activation = \"none\"\n{OURS}")).unwrap();
    for (meaning, numbers) in [
        (&ours, [1.0, f32::NAN, 0.0]),
        (&ours, [1.0, f32::INFINITY, 0.0]),
        (&plain, [0.0; 3]),
        (&plain, [0.9, 0.3, -0.2]),
    ] {
        let error = meaning.read(&numbers).unwrap_err();
        assert!(matches!(error, PeerError::Numbers(_)), "{error}");
    }
}

#[test]
fn what_does_not_describe_a_network_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    let missing = PeerConfig::read(&path).unwrap_err();
    assert!(matches!(missing, PeerError::Io { .. }), "{missing}");
    for (wrong, reason) in [
        (OURS.replace("side = 224", "side = 0"), "side is 0"),
        (
            OURS.replace("detail = 160", "detail = 300"),
            "detail is 300",
        ),
        (OURS.replace("detail = 160", "scale = -1"), "scale is -1"),
        (OURS.replace("detail = 160", "crop = 1.5"), "crop is 1.5"),
        (OURS.replace("0.229", "0.0"), "std is [0.0"),
        (
            OURS.replace("[0.485, 0.456, 0.406]", "[0.5]"),
            "mean is [0.5]",
        ),
        (
            OURS.replace("pneumonia = [2]", "pneumonia = [1]"),
            "output 1 has two meanings",
        ),
        (
            OURS.replace("side = 224", "side = 224\nsides = 3"),
            "unknown field `sides`",
        ),
        (OURS.replace("side = 224\n", ""), "missing field `side`"),
        ("not TOML".to_owned(), "other.toml"),
    ] {
        std::fs::write(&path, &wrong).unwrap();
        let error = PeerConfig::read(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{wrong}: {error}");
    }
    for (wrong, reason) in [
        (
            OURS.replace("lung_opacity", "nodule"),
            "`nodule`, which our model does not tell apart",
        ),
        (OURS.replace("normal = [0]\n", ""), "no number for `Normal`"),
        ("side = 64\n".to_owned(), "no number for `Normal`"),
        (
            OURS.replace("viral_pneumonia = [2]\n", ""),
            "no number for `Viral Pneumonia`",
        ),
        (
            OURS.replace("normal = [0]", "normal = []"),
            "no number for `Normal`",
        ),
        (format!("ill = [3]\n{OURS}"), "normal finding alone"),
    ] {
        let error = meaning(&wrong).unwrap_err().to_string();
        assert!(error.contains(reason), "{wrong}: {error}");
    }
}
