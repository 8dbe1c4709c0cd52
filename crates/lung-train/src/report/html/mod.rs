//! Tests and audits as one page each: nothing is fetched, nothing runs, no image is in it.

mod audit;
mod chart;
mod escape;
mod losses;
mod page;
mod parts;
mod peer;
#[cfg(test)]
mod tests;

pub use self::audit::audit_page;
pub use self::escape::command_in_words;
pub use self::page::Page;
