//! What people type, and what they see of it. All else is in the library.

mod card;
mod command;
mod compare;
mod composite;
mod elsewhere;
mod evaluate;
mod export;
mod help;
mod images;
mod memory;
mod peer;
mod pictures;
mod predict;
mod serve;
mod terminal;
mod train;

pub(crate) use self::command::main;
