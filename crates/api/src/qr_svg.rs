//! A ticket as a picture: a QR code as SVG, which is sharp at any size, on paper and on a screen.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

/// The empty border that a reader needs, in modules: ISO/IEC 18004, section 6.3.8.
const QUIET_MODULES: usize = 4;

/// `None` if the text is too long for a code.
pub fn svg(text: &str) -> Option<String> {
    // A scratched print is still read with level M, of which a seventh may be wrong.
    let qr = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let side = qr.size + 2 * QUIET_MODULES;
    let mut path = String::new();
    for row in 0..qr.size {
        let mut column = 0;
        while column < qr.size {
            let dark = (column..qr.size).take_while(|at| qr[row][*at].value()).count();
            if dark > 0 {
                let (x, y) = (column + QUIET_MODULES, row + QUIET_MODULES);
                write!(path, "M{x} {y}h{dark}v1h-{dark}z").expect("a String takes whatever is written to it");
            }
            column += dark.max(1);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that another library reads from the picture.
    fn read(svg: &str) -> String {
        let side = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap();
        let side: usize = side.parse().unwrap();
        let mut dark = vec![false; side * side];
        for run in svg.rsplit("d=\"").next().unwrap().split('"').next().unwrap().split('M').skip(1) {
            let (place, rest) = run.split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let width: usize = rest.split('v').next().unwrap().parse().unwrap();
            dark[y * side + x..y * side + x + width].fill(true);
        }
        let pixel = |x: usize, y: usize| if dark[y / 4 * side + x / 4] { 0 } else { 255 };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(4 * side, 4 * side, pixel);
        let [grid] = &picture.detect_grids()[..] else { panic!("one code in the picture") };
        grid.decode().unwrap().1
    }

    #[test]
    fn another_reader_finds_the_ticket_in_the_picture() {
        for text in ["A".to_owned(), "ABCDEFGHIJKLMNOP".repeat(17)[..crate::ticket::TICKET_CHARS].to_owned()]
        {
            let svg = svg(&text).unwrap();
            assert_eq!(read(&svg), text);
            assert!(svg.len() < 16_000, "{}", svg.len());
        }
    }

    #[test]
    fn a_text_that_is_too_long_gets_no_picture() {
        assert_eq!(svg(&"a".repeat(10_000)), None);
    }
}
