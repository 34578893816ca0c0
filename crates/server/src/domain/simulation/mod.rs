//! A small fleet in one thread: random reports, losses, clock jumps and operators drive the domain, and what must never
//! happen is looked for after each step.

mod invariants;
mod properties;
mod world;
