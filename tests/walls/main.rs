//! The project's walls: small files, a pure core, documents that tell the truth. Each is a test, so nobody argues.

mod documents;
mod files;
mod layers;
mod source;
mod tree;
