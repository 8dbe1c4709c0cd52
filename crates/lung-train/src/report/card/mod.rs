//! The model card: nothing in it but what was counted or measured.

mod limits;
mod test;
#[cfg(test)]
mod tests;
mod words;
mod write;
