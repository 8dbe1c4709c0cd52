//! Which fold a group is in: what a table says, else a hash of its name.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::dataset::FOLDS;
use super::error::DataError;
use super::names::escape;

/// What is hashed before a name. The number is the first for which twenty images `1.png`, `2.jpg`, ... are divided evenly: so
/// are those that `lung phantom` draws.
const SALT: &str = "fold 3008574 of ";

/// The fold of a group whose first file, or which itself, has this name. It depends on nothing else: whatever is added to a
/// folder, a group stays where it is.
pub(crate) fn fold_of(name: &str) -> usize {
    let hash = Sha256::new()
        .chain_update(SALT)
        .chain_update(name)
        .finalize();
    let number = hash
        .iter()
        .take(8)
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (number % FOLDS as u64) as usize
}

/// What the fold of an image is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// Its group.
    pub(crate) group: String,
    /// The name that its fold is the hash of: its group's where a table names one, since the first file of a group may change;
    /// else its own, from its class folder on, so that a class folder may be renamed.
    pub(crate) name: String,
    /// The fold that a table gives it.
    pub(crate) given: Option<usize>,
    /// How it is called in a message.
    pub(crate) called: String,
}

/// The fold of each member.
///
/// # Errors
/// [`DataError::TwoFolds`] where tables give members of one group different folds.
pub(crate) fn folds(members: &[Member]) -> Result<Vec<usize>, DataError> {
    let mut given: BTreeMap<&str, (usize, &Member)> = BTreeMap::new();
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for member in members {
        let name = first.entry(&member.group).or_insert(&member.name);
        *name = (*name).min(&member.name);
        let Some(fold) = member.given else { continue };
        let (other_fold, other) = *given.entry(&member.group).or_insert((fold, member));
        if other_fold != fold {
            return Err(DataError::TwoFolds {
                group: escape(&member.group),
                first: format!("{other_fold} ({})", other.called),
                second: format!("{fold} ({})", member.called),
            });
        }
    }
    let fold = |member: &Member| {
        let group = member.group.as_str();
        let given = given.get(group).map(|(fold, _)| *fold);
        let hashed = || fold_of(first.get(group).unwrap_or(&member.name.as_str()));
        given.unwrap_or_else(hashed)
    };
    Ok(members.iter().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(group: &str, name: &str, given: Option<usize>) -> Member {
        Member {
            group: group.to_owned(),
            name: name.to_owned(),
            given,
            called: name.to_owned(),
        }
    }

    #[test]
    fn a_fold_is_a_fixed_function_of_a_name() {
        // Runs go by them: these must never change.
        let names = [
            "1.png",
            "2.jpg",
            "3.png",
            "4.jpg",
            "5.png",
            "patient 7",
            "é.dcm",
        ];
        assert_eq!(names.map(fold_of)[..5], [0, 3, 4, 1, 2]);
        let mut counts = [0usize; FOLDS];
        for number in 0..5000 {
            counts[fold_of(&format!("image-{number}.dcm"))] += 1;
        }
        // Five standard deviations of a binomial distribution are 141.
        assert!(
            counts.iter().all(|count| count.abs_diff(1000) < 141),
            "{counts:?}"
        );
    }

    #[test]
    fn a_table_decides_for_the_whole_group_and_must_not_contradict_itself() {
        let members = [
            member("a", "1.png", None),
            member("a", "2.png", Some(3)),
            member("b", "4.jpg", None),
            member("b", "1.png", None),
        ];
        assert_eq!(folds(&members).unwrap(), [3, 3, 0, 0]);
        let divided = [member("a", "1.png", Some(1)), member("a", "2.png", Some(2))];
        let error = folds(&divided).unwrap_err().to_string();
        assert!(error.contains("1 (1.png) and 2 (2.png)"), "{error}");
    }
}
