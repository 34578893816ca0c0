//! Words that several families of tests send.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What looks like a signature by this key. It is none.
pub(crate) fn signature(key: u8, noise: u8) -> String {
    let own: Vec<u8> = b"ED".iter().copied().chain([key; 8]).chain([noise; 64]).collect();
    let (own, global) = (STANDARD.encode(own), STANDARD.encode([noise; 64]));
    format!("untrusted comment: by nobody\n{own}\ntrusted comment: timestamp:{noise}\n{global}\n")
}
