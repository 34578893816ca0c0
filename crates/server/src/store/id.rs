//! Names of rows: unique, made of `A-Z a-z 0-9 _ -`, and sorted by the time at which they were made.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// A new name, such as `d_01kaj5m2v8000003t9q2hxk4`: later ones are greater, in one process even within a millisecond.
///
/// It is not a secret: who knows one can guess others.
pub fn new(prefix: &str, now: Timestamp) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let since_1970 = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("Linux gives random numbers to everybody");
    let mut name = format!("{prefix}_");
    push(&mut name, since_1970, 10);
    push(&mut name, MADE.fetch_add(1, Ordering::Relaxed), 6);
    // Two processes that make their first names in one millisecond differ here.
    push(&mut name, u64::from_ne_bytes(random), 8);
    name
}

/// The lowest `digits` digits of a number to the base 32, the highest first.
fn push(name: &mut String, number: u64, digits: u32) {
    let digits = (0..digits).rev().map(|at| (number >> (5 * at)) as usize & 31);
    name.extend(digits.map(|digit| char::from(DIGITS[digit])));
}

/// In the order of their bytes, without letters that look like a digit.
const DIGITS: [u8; 32] = *b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests;
