//! How Belay's programs speak to a person at a terminal: the same words, tables, colours and quantities in each of them.
//!
//! Pure: the present, the time zone and whether there are colours are arguments. Who writes it where is the programs'
//! own business.

pub mod job;
mod page;
mod paint;
mod plan;
mod printable;
pub mod quantity;
mod table;

pub use page::Page;
pub use paint::{Paint, Tone};
pub use plan::{files, plan};
pub use printable::{one_line, printable};
pub use table::{Cell, header, plain, table};
