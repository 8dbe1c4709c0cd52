//! What people read of a model: its card, and tests and audits as text and as pages.

mod card;
mod html;
mod peer;
mod text;

pub use self::html::{Page, audit_page, command_in_words};
pub use self::text::NOT_IN_MODEL;
