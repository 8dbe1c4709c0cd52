//! A command line in words.

/// A command line as a shell takes it.
pub fn command_in_words(arguments: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    let words: Vec<String> = arguments
        .map(|word| match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        let words = ["lung", "--data", "my data", "it's", ""].map(str::to_owned);
        assert_eq!(
            command_in_words(words.into_iter()),
            r"lung --data 'my data' 'it'\''s' ''"
        );
    }
}
