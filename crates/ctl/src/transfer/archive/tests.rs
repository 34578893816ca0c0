use std::io::Write;

use super::*;
use crate::output::Format;

#[test]
fn an_archive_is_cut_into_pieces_of_one_size_but_for_the_last() {
    let piece = usize::try_from(PIECE).unwrap();
    for (size, lengths) in
        [(0, vec![]), (1, vec![1]), (piece, vec![piece]), (piece + 1, vec![piece, 1]), (2 * piece, vec![piece, piece])]
    {
        let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let archive = look_at(file.path(), &Output::new(Format::Json)).unwrap();
        assert_eq!((archive.size, archive.sha256), (size as u64, digest(&bytes)));
        let mut rest = bytes.as_slice();
        let expected = lengths.iter().map(|length| {
            let (one, left) = rest.split_at(*length);
            rest = left;
            digest(one)
        });
        assert_eq!(archive.pieces, expected.collect::<Vec<_>>(), "{size}");
    }
}
