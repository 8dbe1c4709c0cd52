//! Tests and audits as one page each: nothing is fetched, nothing runs, no image is in it.

mod audit;
mod chart;
mod losses;
mod page;
mod table;
#[cfg(test)]
mod tests;

pub use self::audit::audit_page;
pub use self::page::Page;
