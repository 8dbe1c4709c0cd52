//! What people read of a model: its card, and tests and audits as text and as pages. Cards and pages are templates.

pub mod card;
mod command;
pub(crate) mod escape;
mod html;
mod peer;
mod text;

pub use self::card::ModelCard;
pub use self::command::command_in_words;
pub use self::html::{Page, audit_page};
pub use self::text::NOT_IN_MODEL;
