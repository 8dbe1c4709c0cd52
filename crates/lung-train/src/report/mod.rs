//! What people read of a model: its card, and tests and audits as pages. Cards and pages are templates.

pub mod card;
mod command;
pub(crate) mod escape;
mod html;

pub use self::card::ModelCard;
pub use self::command::command_in_words;
pub use self::html::{Page, audit_page};
pub use crate::text::NOT_IN_MODEL;
