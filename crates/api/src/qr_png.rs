//! A Pix code as a picture: a QR code, for the camera of the customer's bank application.
//!
//! It is drawn when a payment is shown, from the code that the payment's row has. It is a PNG with one
//! bit per pixel: every mail program shows it, and it is a fifth of the same picture as SVG.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fast_qr::{ECL, QRBuilder};

/// Twice the longest code of the central bank. A longer text gets no picture, so that a reply is bounded.
const CODE_BYTES_MAX: usize = 1_024;
/// The empty border that a reader needs, in modules: ISO/IEC 18004, section 6.3.8.
const QUIET_MODULES: usize = 4;
const PIXELS_PER_MODULE: usize = 4;

/// A `data:` URL. `None` if the code is too long for a picture.
pub fn data_url(code: &str) -> Option<String> {
    let png = png(code)?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

fn png(code: &str) -> Option<Vec<u8>> {
    if code.len() > CODE_BYTES_MAX {
        return None;
    }
    // A scratched print is still read with level M, of which a seventh may be wrong.
    let qr = QRBuilder::new(code).ecl(ECL::M).build().ok()?;
    let side = (qr.size + 2 * QUIET_MODULES) * PIXELS_PER_MODULE;
    let is_dark = |pixel_row: usize, pixel_column: usize| {
        let of = |pixel: usize| (pixel / PIXELS_PER_MODULE).checked_sub(QUIET_MODULES);
        let (Some(row), Some(column)) = (of(pixel_row), of(pixel_column)) else { return false };
        row < qr.size && column < qr.size && qr[row][column].value()
    };
    let mut pixels = Vec::with_capacity(side * side.div_ceil(8));
    for row in 0..side {
        for byte in 0..side.div_ceil(8) {
            let bit = |bits: u8, column: usize| (bits << 1) | u8::from(!is_dark(row, byte * 8 + column));
            pixels.push((0..8).fold(0, bit));
        }
    }
    let side = u32::try_from(side).ok()?;
    let mut drawn = Vec::new();
    let mut encoder = png::Encoder::new(&mut drawn, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741";

    /// The text that another library reads from the picture.
    fn read(url: &str) -> String {
        let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let shown = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (shown.width as usize, shown.height as usize);
        let pixel = |x: usize, y: usize| pixels[y * shown.line_size + x];
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
        let [grid] = &picture.detect_grids()[..] else { panic!("one code in the picture") };
        grid.decode().unwrap().1
    }

    #[test]
    fn another_reader_finds_the_code_in_the_picture() {
        for code in [CODE.to_owned(), "a".to_owned(), "0002".repeat(128), CODE.repeat(5)[..1_024].to_owned()]
        {
            let url = data_url(&code).unwrap();
            assert_eq!(read(&url), code);
            // The largest is a part of a reply's few kilobytes.
            assert!(url.len() < 8_000, "{}: {}", code.len(), url.len());
        }
        assert!(data_url(CODE).unwrap().len() < 3_000);
    }

    #[test]
    fn a_text_that_is_too_long_gets_no_picture() {
        assert_eq!(data_url(&"a".repeat(1_025)), None);
    }
}
