//! A screen as a picture: cells of a terminal with their colours, in a font of the system.

use ab_glyph::{Font, FontVec, PxScale, ScaleFont};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where systems have a monospaced font.
const FONTS: &[&str] = &[
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
    "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/Library/Fonts/DejaVuSansMono.ttf",
];

/// Width of a cell, pixels.
const CELL: usize = 10;
/// Around the screen, pixels.
const MARGIN: usize = 12;
/// Steps between the colour of the ground and that of a letter: few, so that the file is small.
const STEPS: f32 = 12.0;

type Rgb = [u8; 3];

const GROUND: Rgb = [0x17, 0x19, 0x1f];
const INK: Rgb = [0xd7, 0xda, 0xe0];
/// The sixteen colours of a terminal: black, red, green, yellow, blue, magenta, cyan, white, and their bright ones.
const PALETTE: [Rgb; 16] = [
    [0x3b, 0x40, 0x48],
    [0xe8, 0x6b, 0x73],
    [0x8c, 0xc5, 0x70],
    [0xe3, 0xb9, 0x6a],
    [0x6c, 0xaf, 0xee],
    [0xc6, 0x84, 0xdd],
    [0x5b, 0xbc, 0xc9],
    [0xd7, 0xda, 0xe0],
    [0x76, 0x7d, 0x8a],
    [0xf0, 0x84, 0x8b],
    [0xa5, 0xd6, 0x8c],
    [0xf0, 0xcc, 0x88],
    [0x8a, 0xc3, 0xf5],
    [0xd6, 0xa1, 0xe8],
    [0x7f, 0xd2, 0xdd],
    [0xff, 0xff, 0xff],
];

/// A font and its bold one, where there is one beside it.
pub(super) struct Fonts {
    regular: FontVec,
    bold: Option<FontVec>,
}

impl Fonts {
    /// This file, or the first one that the system has.
    pub(super) fn find(given: Option<&Path>) -> anyhow::Result<Fonts> {
        let path: PathBuf = match given {
            Some(path) => path.to_owned(),
            None => FONTS
                .iter()
                .map(PathBuf::from)
                .find(|path| path.is_file())
                .context("no monospaced font was found; on Debian `apt install fonts-dejavu-core`, or name one with --font")?,
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix("-Regular").unwrap_or(&stem);
        let load = |path: &Path| -> anyhow::Result<FontVec> {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            FontVec::try_from_vec(bytes).with_context(|| format!("{} is no TrueType font", path.display()))
        };
        Ok(Fonts {
            bold: load(&path.with_file_name(format!("{stem}-Bold.ttf"))).ok(),
            regular: load(&path)?,
        })
    }

    /// The scale at which a letter is as wide as a cell.
    fn scale(&self) -> PxScale {
        let font = &self.regular;
        let wide = font.h_advance_unscaled(font.glyph_id('m')).max(1.0);
        PxScale::from(CELL as f32 * font.height_unscaled() / wide)
    }
}

/// A picture in the making.
struct Canvas {
    width: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        let pixels = vec![GROUND; width * height];
        Canvas { width, pixels }
    }

    fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    fn fill(&mut self, at: (usize, usize), size: (usize, usize), colour: Rgb) {
        for y in at.1..at.1 + size.1 {
            for x in at.0..at.0 + size.0 {
                self.set(x, y, colour);
            }
        }
    }

    fn set(&mut self, x: usize, y: usize, colour: Rgb) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
        {
            *pixel = colour;
        }
    }

    /// Puts a letter's part of ink over what is there.
    fn cover(&mut self, x: f32, y: f32, ink: Rgb, part: f32) {
        if x < 0.0 || y < 0.0 {
            return;
        }
        let (x, y) = (x as usize, y as usize);
        let ground = self.pixels.get(y * self.width + x).copied().unwrap_or(GROUND);
        let part = (part * STEPS).round() / STEPS;
        if part > 0.0 {
            self.set(x, y, mix(ground, ink, part.min(1.0)));
        }
    }

    /// As a PNG file; with a palette unless there are too many colours.
    fn png(&self) -> anyhow::Result<Vec<u8>> {
        let mut colours: BTreeMap<Rgb, u8> = BTreeMap::new();
        for pixel in &self.pixels {
            let next = colours.len();
            if !colours.contains_key(pixel) {
                colours.insert(*pixel, u8::try_from(next).context("more than 256 colours")?);
            }
        }
        let mut palette = vec![[0; 3]; colours.len()];
        for (colour, at) in &colours {
            if let Some(place) = palette.get_mut(usize::from(*at)) {
                *place = *colour;
            }
        }
        let data: Vec<u8> = self
            .pixels
            .iter()
            .filter_map(|p| colours.get(p).copied())
            .collect();
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(
            &mut out,
            u32::try_from(self.width)?,
            u32::try_from(self.height())?,
        );
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette.concat());
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&data)?;
        writer.finish()?;
        Ok(out)
    }
}

/// The picture of a screen up to its last row with something in it, as a PNG file.
pub(super) fn picture(screen: &vt100::Screen, fonts: &Fonts) -> anyhow::Result<Vec<u8>> {
    let scale = fonts.scale();
    let regular = fonts.regular.as_scaled(scale);
    let (high, ascent) = (regular.height().ceil() as usize + 1, regular.ascent());
    let columns = screen.size().1.get();
    let last = screen.rows(0, columns).collect::<Vec<_>>();
    let rows = last
        .iter()
        .rposition(|row| !row.trim().is_empty())
        .map_or(1, |n| n + 1);
    let mut canvas = Canvas::new(usize::from(columns) * CELL + 2 * MARGIN, rows * high + 2 * MARGIN);
    let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
    for y in 0..u16::try_from(rows)? {
        for x in 0..columns {
            let Some(cell) = screen.cell(y, x) else { continue };
            let at = (usize::from(x) * CELL + MARGIN, usize::from(y) * high + MARGIN);
            let (ink, ground) = colours(cell, cursor == Some((y, x)));
            let wide = CELL * (1 + usize::from(cell.is_wide()));
            if !cell.is_wide_continuation() {
                canvas.fill(at, (wide, high), ground);
            }
            let font = match (&fonts.bold, cell.bold()) {
                (Some(bold), true) => bold,
                _ => &fonts.regular,
            };
            for letter in cell.contents().chars() {
                let mut glyph = font.as_scaled(scale).scaled_glyph(letter);
                glyph.position = ab_glyph::point(at.0 as f32, at.1 as f32 + ascent);
                if let Some(outline) = font.outline_glyph(glyph) {
                    let from = outline.px_bounds().min;
                    outline
                        .draw(|dx, dy, part| canvas.cover(from.x + dx as f32, from.y + dy as f32, ink, part));
                }
            }
            if cell.underline() {
                canvas.fill((at.0, at.1 + ascent as usize + 2), (wide, 1), ink);
            }
        }
    }
    canvas.png()
}

/// Ink and ground of a cell. The cursor is a block.
fn colours(cell: &vt100::Cell, cursor: bool) -> (Rgb, Rgb) {
    let mut ink = colour(cell.fgcolor(), INK);
    let mut ground = colour(cell.bgcolor(), GROUND);
    if cell.inverse() != cursor {
        (ink, ground) = (ground, ink);
    }
    if cell.dim() {
        ink = mix(ground, ink, 0.55);
    }
    (ink, ground)
}

fn colour(colour: vt100::Color, default: Rgb) -> Rgb {
    match colour {
        vt100::Color::Default => default,
        vt100::Color::Rgb(r, g, b) => [r, g, b],
        // Beyond the sixteen lie a cube and greys, which the client leaves to others.
        vt100::Color::Idx(n) => PALETTE.get(usize::from(n)).copied().unwrap_or(default),
    }
}

/// So much of one over the rest of the other, 0 to 1.
fn mix(under: Rgb, over: Rgb, part: f32) -> Rgb {
    let one = |(under, over): (u8, u8)| {
        (f32::from(under) + (f32::from(over) - f32::from(under)) * part).round() as u8
    };
    let [r, g, b] = under;
    let [r2, g2, b2] = over;
    [(r, r2), (g, g2), (b, b2)].map(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_colours_that_a_terminal_shows() {
        let cases: &[(&str, bool, Rgb, Rgb)] = &[
            ("x", false, INK, GROUND),
            ("\x1b[31mx", false, PALETTE[1], GROUND),
            ("\x1b[7;32mx", false, GROUND, PALETTE[2]),
            ("\x1b[7mx", true, INK, GROUND),
            ("x", true, GROUND, INK),
            ("\x1b[2mx", false, mix(GROUND, INK, 0.55), GROUND),
            ("\x1b[38;2;1;2;3;48;5;9mx", false, [1, 2, 3], PALETTE[9]),
        ];
        for (bytes, cursor, ink, ground) in cases {
            let mut parser = vt100::Parser::default();
            parser.process(bytes.as_bytes());
            let cell = parser.screen().cell(0, 0).unwrap();
            assert_eq!(colours(cell, *cursor), (*ink, *ground), "{bytes:?}");
        }
    }

    #[test]
    fn a_picture_has_a_palette_and_its_size() {
        let mut canvas = Canvas::new(30, 20);
        canvas.fill((2, 3), (5, 1), PALETTE[1]);
        canvas.cover(1.0, 1.0, INK, 0.5);
        let bytes = canvas.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut data).unwrap();
        assert_eq!((info.width, info.height), (30, 20));
        assert_eq!(reader.info().palette.as_deref().map(<[u8]>::len), Some(9));
        assert_eq!(data.iter().filter(|i| **i != data[0]).count(), 6);
    }

    #[test]
    fn mixing_goes_from_one_to_the_other() {
        assert_eq!(mix([0, 10, 255], [255, 20, 0], 0.0), [0, 10, 255]);
        assert_eq!(mix([0, 10, 255], [255, 20, 0], 1.0), [255, 20, 0]);
        assert_eq!(mix([0, 10, 200], [100, 20, 0], 0.5), [50, 15, 100]);
    }
}
