//! One value for each finding.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::Findings;

/// One value for each finding, in the order of their rows; in JSON a map from the finding's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByFinding<T>(Vec<(String, T)>);

impl<T> ByFinding<T> {
    /// The values of the findings, in the order of their rows. Of more values than findings the rest is left out.
    pub fn new(findings: &Findings, values: impl IntoIterator<Item = T>) -> Self {
        Self(findings.ids().map(str::to_owned).zip(values).collect())
    }

    /// The value of the finding with this id.
    pub fn get(&self, id: &str) -> Option<&T> {
        self.iter()
            .find_map(|(other, value)| (other == id).then_some(value))
    }

    /// Each id with its value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &T)> + Clone {
        self.0.iter().map(|(id, value)| (id.as_str(), value))
    }

    /// The values in the order of the rows.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// The value of a row.
    pub fn row(&self, row: usize) -> Option<&T> {
        self.0.get(row).map(|(_, value)| value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Other values for the same findings.
    pub fn map<U>(&self, mut value: impl FnMut(&T) -> U) -> ByFinding<U> {
        ByFinding(
            (self.0.iter())
                .map(|(id, old)| (id.clone(), value(old)))
                .collect(),
        )
    }

    /// Brings the values into the order of `findings`.
    ///
    /// # Errors
    /// The id of a finding that has no value, or of a value that belongs to no finding or to one that has its value already.
    pub(crate) fn arrange(&mut self, findings: &Findings) -> Result<(), String> {
        if let Some(id) = findings.ids().find(|id| self.get(id).is_none()) {
            return Err(id.to_owned());
        }
        let place = |id: &String| findings.row(id).unwrap_or(usize::MAX);
        self.0.sort_by_key(|(id, _)| place(id));
        match (self.0.iter().zip(findings.ids())).find(|((id, _), wanted)| id != wanted) {
            Some(((id, _), _)) => Err(id.clone()),
            None => match self.0.get(findings.len()) {
                Some((id, _)) => Err(id.clone()),
                None => Ok(()),
            },
        }
    }
}

impl<T: Serialize> Serialize for ByFinding<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByFinding<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = ByFinding<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from ids of findings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(ByFinding(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Finding;

    #[test]
    fn values_are_found_by_id_and_by_row_and_keep_their_order() {
        let findings = Findings::lung_xray();
        let values = ByFinding::new(&findings, [0.25, 0.5, 0.125]);
        assert_eq!(values.get("Lung_Opacity"), Some(&0.5));
        assert_eq!(values.get("lung opacity"), None);
        assert_eq!(values.row(2), Some(&0.125));
        let text = serde_json::to_string(&values).unwrap();
        assert_eq!(
            text,
            r#"{"Normal":0.25,"Lung_Opacity":0.5,"Viral Pneumonia":0.125}"#
        );
        assert_eq!(
            serde_json::from_str::<ByFinding<f64>>(&text).unwrap(),
            values
        );
    }

    #[test]
    fn values_are_arranged_and_what_does_not_belong_is_named() {
        let ids = ["b", "a", "c"];
        let findings = Findings::new(ids.map(Finding::named).to_vec()).unwrap();
        let arranged = |text: &str| {
            let mut values: ByFinding<u8> = serde_json::from_str(text).unwrap();
            values.arrange(&findings).map(|()| values.0)
        };
        let want = ids.map(str::to_owned).into_iter().zip([2, 1, 3]).collect();
        assert_eq!(arranged(r#"{"a":1,"b":2,"c":3}"#), Ok(want));
        assert_eq!(arranged(r#"{"a":1,"b":2}"#), Err("c".to_owned()));
        assert_eq!(
            arranged(r#"{"a":1,"b":2,"c":3,"d":4}"#),
            Err("d".to_owned())
        );
        assert_eq!(
            arranged(r#"{"a":1,"a":1,"b":2,"c":3}"#),
            Err("a".to_owned())
        );
    }
}
