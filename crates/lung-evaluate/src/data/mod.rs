//! Folders of labelled radiographs: one folder a class, and who may be tested on what.
//!
//! A [`Listing`] is what lies in the folders, by names and tables alone. [`Reading`] looks into the files: it decodes them, and
//! finds images that are there twice. A [`FileList`] is what a run remembers of both, so that it is never tested on what it was
//! trained on.

mod contents;
mod dataset;
mod described;
mod description;
mod error;
pub mod examples;
mod folds;
mod likeness;
mod list;
mod listing;
mod names;
mod patients;
mod phantoms;
mod pixels;
mod reading;
mod scheme;
mod split;
mod table;
pub(crate) mod text;
mod walk;

pub use self::dataset::{Dataset, Example, FOLDS};
pub use self::described::Described;
pub use self::description::{
    Declared, Description, DescriptionError, Origin, Patients, Rule, Target,
};
pub use self::error::DataError;
pub use self::list::{FileList, ListHash};
pub use self::listing::{Listing, Selection};
pub use self::names::{Shown, escape, folder_name};
pub(crate) use self::names::{decomposed, exact, name as file_name, path_of};
pub use self::phantoms::{write_phantoms, write_phantoms_of};
pub(crate) use self::pixels::read_bytes;
pub use self::pixels::{Pixels, read_radiograph};
pub use self::reading::Reading;
pub use self::reading::tell_copies;
pub use self::scheme::Class;
pub use self::split::{Part, Split};
pub(crate) use self::table::{Table as GroupTable, delimiter as table_delimiter, key as table_key};
pub(crate) use self::walk::{Walk, images_under, read_dir};
