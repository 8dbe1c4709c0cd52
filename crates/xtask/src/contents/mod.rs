//! What a release is made of beside our own code: the crates in each product, their licences, and the bill of materials.

mod bill;
mod notices;
mod product;

pub use bill::bill;
pub use notices::notices;
pub use product::Product;
