//! Which images of the data folders are trained on.

use clap::Args;

#[derive(Args)]
pub(super) struct ImagesArgs {
    /// Leave out images that cannot be read (they are named and counted) instead of stopping
    #[arg(long)]
    pub(super) skip_unreadable: bool,
    /// Leave out folders and files of this name, such as masks or '*_mask.png'; may be given again
    #[arg(long, value_name = "NAME")]
    pub(super) leave_out: Vec<String>,
    /// Go on with an image that is in two classes, or in two folds of groups.csv, instead of stopping
    #[arg(long)]
    pub(super) allow_duplicates: bool,
}
