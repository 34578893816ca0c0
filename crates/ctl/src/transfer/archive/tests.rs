use std::io::Write;

use super::*;
use crate::output::Format;
use crate::transfer::piece::Piece;

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

#[test]
fn an_archive_of_any_size_has_no_more_pieces_than_the_server_takes() {
    let most = PIECE * MOST_PIECES;
    for (size, times) in [
        (0, 1),
        (PIECE, 1),
        (most, 1),
        (most + 1, 2),
        (2 * most, 2),
        (2 * most + 1, 4),
        (4 * most + 1, 8),
        (1 << 60, 1 << 25),
    ] {
        assert_eq!(piece_of(size, MOST_PIECES), times * PIECE, "{size}");
    }
    assert!(u64::MAX.div_ceil(piece_of(u64::MAX, MOST_PIECES)) <= MOST_PIECES);
}

#[test]
fn an_archive_of_too_many_pieces_is_cut_into_larger_ones_that_are_read_alike() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let size = 2 * PIECE + 1;
    file.as_file().set_len(size).unwrap();
    let archive = cut(file.path(), 2, &Output::new(Format::Json)).unwrap();
    assert_eq!((archive.piece, archive.pieces.len()), (2 * PIECE, 2));
    let lengths = [2 * PIECE, 1];
    for (number, length) in lengths.into_iter().enumerate() {
        let piece = Piece::read(file.as_file(), file.path(), &archive, number).unwrap();
        assert_eq!((piece.sha256, piece.bytes.len() as u64), (archive.pieces[number], length));
    }
}
