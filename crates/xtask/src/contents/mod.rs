//! What a release is made of beside our own code: the crates in each product, their licences and known
//! vulnerabilities, and the bill of materials.

mod advisories;
mod bill;
mod notices;
mod product;

pub use advisories::{Advisories, OUT_OF_REACH, advisories};
pub use bill::bill;
pub use notices::notices;
pub use product::Product;
