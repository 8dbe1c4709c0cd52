//! Patients by the names of files, for folders without a table that says who is on an image.
//!
//! Public data sets write a patient's number into names: `person12_virus_3.jpeg`, `00001234_005.png`,
//! `patient0042/study1/view1.jpg`, `IM-0115-0001.jpeg`. A wrong guess only puts images together that could have been divided.

/// Words that a patient's number follows.
const WORDS: [&str; 7] = ["patient", "person", "subject", "case", "pat", "sub", "pt"];

/// The patient of an image by its path from the class folder on, with `/` between folders: a name that no other patient of the
/// same data set has. `None` where no part of the path has a number of a known form.
///
/// The folder nearest to the image counts last, since it may be a visit's.
pub(super) fn patient_of(path: &str) -> Option<String> {
    let lower = path.to_lowercase();
    let mut parts: Vec<&str> = lower.split('/').collect();
    if let Some(last) = parts.last_mut() {
        *last = last.rsplit_once('.').map_or(*last, |(stem, _)| stem);
    }
    (parts.iter().find_map(|part| worded(part)))
        .or_else(|| parts.iter().find_map(|part| mimic(part)))
        .or_else(|| numbered(parts.last()?))
}

/// `person12_virus_3`: the word, the number, and letters that follow, since some sets count bacterial and viral patients apart.
fn worded(part: &str) -> Option<String> {
    let word = WORDS.iter().find(|word| part.starts_with(**word))?;
    let rest = part[word.len()..].trim_start_matches(['-', '_', ' ', '.']);
    let digits = leading_digits(rest);
    // A letter right after the number is part of a name such as `case1a`, of which nothing is known.
    let ends = (rest[digits.len()..].chars().next()).is_none_or(|c| !c.is_alphanumeric());
    (!digits.is_empty() && ends).then(|| format!("{word} {}", without_zeros(digits)))
}

/// `p10000032`, a folder of MIMIC-CXR, whose shorter `p10` holds many patients.
fn mimic(part: &str) -> Option<String> {
    let digits = part.strip_prefix('p')?;
    let whole = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| format!("p {digits}"))
}

/// `00001234_005` of ChestX-ray14, and `IM-0115-0001`, `NORMAL2-IM-1427-0001` of the children's hospital.
fn numbered(stem: &str) -> Option<String> {
    let (before, last) = stem.rsplit_once(['_', '-'])?;
    let all_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let nih = last.len() == 3 && before.len() == 8 && all_digits(before) && all_digits(last);
    let number = before.rsplit_once("im-").map(|(_, number)| number);
    let image =
        all_digits(last) && number.is_some_and(|number| number.len() >= 3 && all_digits(number));
    (nih || image).then(|| before.to_owned())
}

fn leading_digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    end.map_or(text, |end| &text[..end])
}

fn without_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_are_found_in_the_names_that_public_data_sets_give() {
        for (path, patient) in [
            ("person12_virus_3.jpeg", Some("person 12")),
            ("person12_bacteria_47.jpeg", Some("person 12")),
            ("Person_0012.png", Some("person 12")),
            ("00001234_005.png", Some("00001234")),
            ("patient0042_study1_view1.jpg", Some("patient 42")),
            ("patient00042/study1/view1_frontal.jpg", Some("patient 42")),
            ("p10/p10000032/s50414267/02aa804e.jpg", Some("p 10000032")),
            ("IM-0115-0001.jpeg", Some("im-0115")),
            ("NORMAL2-IM-1427-0001.jpeg", Some("normal2-im-1427")),
            ("1.png", None),
            ("12_005.png", None),
            ("COVID-19 (12).png", None),
            ("patient.png", None),
            ("case1a.png", None),
            ("view1_frontal.jpg", None),
            ("", None),
        ] {
            assert_eq!(patient_of(path).as_deref(), patient, "{path}");
        }
    }
}
