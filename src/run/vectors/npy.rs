//! NumPy's format of one array (NEP 1): rows of 32-bit or 64-bit numbers.

use std::io::Read;

use super::{Fault, check_size};
use crate::text::printable;

const MAGIC: &[u8] = b"\x93NUMPY";
/// No header of such an array is longer; NumPy itself writes 118 bytes.
const MOST_OF_HEADER: usize = 4_096;
/// Rows are read in pieces of about so many bytes.
const PIECE: usize = 1 << 20;

/// What the header says of the array.
#[derive(Debug, PartialEq)]
struct Header {
    /// Bytes of a number: 4 or 8.
    width: usize,
    n_rows: usize,
    dim: usize,
}

/// The numbers of a row, and the rows laid end to end.
pub(super) fn read(mut file: impl Read) -> Result<(usize, Vec<f32>), Fault> {
    let Header { width, n_rows, dim } = header(&mut file)?;
    check_size(n_rows, dim)?;
    let mut left = n_rows * dim * width;
    let mut data = Vec::new();
    let mut piece = vec![0; PIECE - PIECE % width];
    while left > 0 {
        let n_bytes = left.min(piece.len());
        file.read_exact(&mut piece[..n_bytes]).map_err(|_| {
            let cause = format!("it ends {left} bytes too early for {n_rows} rows of {dim} numbers");
            Fault::new(cause).hint("it was cut off: write or copy it again")
        })?;
        data.extend(piece[..n_bytes].chunks_exact(width).map(number));
        left -= n_bytes;
    }
    match file.read(&mut [0]) {
        Ok(0) => Ok((dim, data)),
        _ => Err(Fault::new(format!("it has more bytes than {n_rows} rows of {dim} numbers"))),
    }
}

fn number(bytes: &[u8]) -> f32 {
    match bytes {
        [a, b, c, d] => f32::from_le_bytes([*a, *b, *c, *d]),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as f32,
        _ => f32::NAN,
    }
}

fn header(file: &mut impl Read) -> Result<Header, Fault> {
    let damaged = || Fault::new("it is no `.npy` file").hint("write it with `numpy.save`");
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|_| damaged())?;
    let n_bytes = match start {
        [magic @ .., 1, _] if magic == MAGIC => length::<2>(file),
        [magic @ .., 2 | 3, _] if magic == MAGIC => length::<4>(file),
        _ => None,
    };
    let n_bytes = n_bytes.filter(|length| *length <= MOST_OF_HEADER).ok_or_else(damaged)?;
    let mut text = vec![0; n_bytes];
    file.read_exact(&mut text).map_err(|_| damaged())?;
    parse(&String::from_utf8_lossy(&text)).unwrap_or_else(|| Err(damaged()))
}

fn length<const WIDTH: usize>(file: &mut impl Read) -> Option<usize> {
    let mut bytes = [0; WIDTH];
    file.read_exact(&mut bytes).ok()?;
    bytes
        .iter()
        .rev()
        .try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// The header's dictionary; none where it is none.
fn parse(text: &str) -> Option<Result<Header, Fault>> {
    let shape = value(text, "shape")?.strip_prefix('(')?.split_once(')')?.0;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes: Vec<usize> = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    let order = value(text, "fortran_order")?;
    let kind = value(text, "descr")?;
    let width = match kind.strip_prefix('\'').and_then(|kind| kind.split_once('\'')) {
        Some(("<f4", _)) => 4,
        Some(("<f8", _)) => 8,
        Some((other, _)) => return Some(Err(wrong_type(other))),
        None => return Some(Err(wrong_type("a structure"))),
    };
    if order.starts_with("True") && sizes.len() > 1 {
        let fault = Fault::new("its numbers stand column by column (Fortran order)");
        return Some(Err(fault.hint("save `numpy.ascontiguousarray(x)`")));
    }
    Some(match sizes.as_slice() {
        [n_rows, dim] if *dim > 0 => Ok(Header { width, n_rows: *n_rows, dim: *dim }),
        sizes => {
            let shape = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
            let fault = Fault::new(format!(
                "its shape is {}, not rows of numbers",
                if shape.is_empty() { "one number" } else { &shape }
            ));
            Err(fault.hint("save an array of two dimensions: rows, and the numbers of each"))
        }
    })
}

/// What stands behind a key of the dictionary.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

fn wrong_type(kind: &str) -> Fault {
    Fault::new(format!("its numbers are of the type `{}`, not `<f4` or `<f8`", printable(kind)))
        .hint("save `x.astype(\"float32\")`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as `numpy.save` 2.4.1 writes it.
    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn header_of(kind: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}   \n")
    }

    #[test]
    fn rows_of_both_widths_are_read() {
        let singles: Vec<u8> =
            [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let doubles: Vec<u8> =
            [1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let want = (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(read(&file(&header_of("'<f4'", "False", "(2, 3)"), &singles)[..]), Ok(want.clone()));
        assert_eq!(read(&file(&header_of("'<f8'", "False", "(2, 3)"), &doubles)[..]), Ok(want));
        assert_eq!(read(&file(&header_of("'<f4'", "False", "(0, 3)"), &[])[..]), Ok((3, vec![])));
    }

    #[test]
    fn what_is_no_array_of_rows_is_refused_with_its_reason() {
        let four = [0_u8; 16];
        for (header, body, cause) in [
            (
                header_of("'<f2'", "False", "(2, 4)"),
                &four[..],
                "its numbers are of the type `<f2`, not `<f4` or `<f8`",
            ),
            (
                header_of("'<i8'", "False", "(2, 1)"),
                &four,
                "its numbers are of the type `<i8`, not `<f4` or `<f8`",
            ),
            (
                header_of("'>f4'", "False", "(2, 2)"),
                &four,
                "its numbers are of the type `>f4`, not `<f4` or `<f8`",
            ),
            (
                header_of("'|O'", "False", "(2, 2)"),
                &four,
                "its numbers are of the type `|O`, not `<f4` or `<f8`",
            ),
            (
                header_of("[('a', '<f4')]", "False", "(2, 2)"),
                &four,
                "its numbers are of the type `a structure`, not `<f4` or `<f8`",
            ),
            (
                header_of("'<f4'", "True", "(2, 2)"),
                &four,
                "its numbers stand column by column (Fortran order)",
            ),
            (header_of("'<f4'", "False", "(4,)"), &four, "its shape is 4, not rows of numbers"),
            (header_of("'<f4'", "False", "()"), &four, "its shape is one number, not rows of numbers"),
            (header_of("'<f4'", "False", "(2, 2, 1)"), &four, "its shape is 2 x 2 x 1, not rows of numbers"),
            (header_of("'<f4'", "False", "(4, 0)"), &[], "its shape is 4 x 0, not rows of numbers"),
            (
                header_of("'<f4'", "False", "(2, 2)"),
                &four[..15],
                "it ends 16 bytes too early for 2 rows of 2 numbers",
            ),
            (header_of("'<f4'", "False", "(1, 2)"), &four, "it has more bytes than 1 rows of 2 numbers"),
            (
                header_of("'<f4'", "False", "(99999999999, 2)"),
                &four,
                "it has more than 16777216 rows or 536870912 numbers",
            ),
            (
                header_of("'<f4'", "False", "(1, 99999999)"),
                &four,
                "a row has 99999999 numbers, more than 1048576",
            ),
            (header_of("'<f4'", "False", "(-1, 2)"), &four, "it is no `.npy` file"),
            (header_of("'<f4'", "False", "(99999999999999999999999, 2)"), &four, "it is no `.npy` file"),
            (" ".repeat(5_000), &four, "it is no `.npy` file"),
            (String::new(), &four, "it is no `.npy` file"),
        ] {
            assert_eq!(read(&file(&header, body)[..]).unwrap_err().cause, cause, "{header}");
        }
        for bytes in [&b""[..], b"PAR1", b"\x93NUMPY\x02\x00\xff\xff\xff\xff", b"\x93NUMPY\x09\x00\x00\x00"] {
            assert_eq!(read(bytes).unwrap_err().cause, "it is no `.npy` file");
        }
    }
}
