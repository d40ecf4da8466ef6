//! A drawing as a list of shapes, which its template writes as SVG: no script, no font, and no colour of its
//! own. The colours are classes of the page, so that they fit the light and the dark scheme.

use std::fmt;

use askama::Template;

use super::text::grouped;

/// The width of a drawing, in its own units; the page scales it.
pub(super) const WIDTH: f64 = 520.0;

#[derive(Template)]
#[template(path = "drawing.svg")]
pub(super) struct Drawing {
    height: Length,
    title: &'static str,
    shapes: Vec<Shape>,
}

enum Shape {
    Line { class: &'static str, x1: Length, x2: Length, y: Length },
    Text { class: &'static str, x: Length, y: Length, anchor: &'static str, text: String },
    Bar { class: &'static str, x: Length, y: Length, width: Length, height: Length, title: String },
    Dot { class: &'static str, x: Length, y: Length },
    Area { class: &'static str, line: String, left: Length, right: Length, bottom: Length },
}

/// In the units of the drawing, to a tenth.
struct Length(f64);

impl fmt::Display for Length {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.1}", self.0)
    }
}

/// The position and the size of a bar.
pub(super) struct Bounds {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Drawing {
    pub fn new(height: f64, title: &'static str) -> Drawing {
        Drawing { height: Length(height), title, shapes: Vec::new() }
    }

    pub fn line(&mut self, class: &'static str, x1: f64, x2: f64, y: f64) {
        self.shapes.push(Shape::Line { class, x1: Length(x1), x2: Length(x2), y: Length(y) });
    }

    /// `anchor` says which end of the text is at `x`: start, middle or end.
    pub fn text(
        &mut self,
        class: &'static str,
        (x, y): (f64, f64),
        anchor: &'static str,
        text: impl Into<String>,
    ) {
        self.shapes.push(Shape::Text { class, x: Length(x), y: Length(y), anchor, text: text.into() });
    }

    pub fn bar(&mut self, class: &'static str, bounds: Bounds, title: String) {
        let Bounds { x, y, width, height } = bounds;
        let (x, y, width, height) = (Length(x), Length(y), Length(width), Length(height));
        self.shapes.push(Shape::Bar { class, x, y, width, height, title });
    }

    pub fn dot(&mut self, class: &'static str, x: f64, y: f64) {
        self.shapes.push(Shape::Dot { class, x: Length(x), y: Length(y) });
    }

    /// A line through the points, and the area between the line and `bottom`.
    pub fn area(&mut self, class: &'static str, points: &[(f64, f64)], bottom: f64) {
        let (Some((left, _)), Some((right, _))) = (points.first(), points.last()) else { return };
        let line: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", Length(*x), Length(*y))).collect();
        let (left, right, bottom) = (Length(*left), Length(*right), Length(bottom));
        self.shapes.push(Shape::Area { class, line: line.join(" "), left, right, bottom });
    }
}

/// The part of a drawing between its axes.
pub(super) struct Field {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x_max: f64,
    pub y_max: f64,
}

impl Field {
    pub fn x(&self, value: f64) -> f64 {
        self.left + (value / self.x_max).clamp(0.0, 1.0) * self.width
    }

    pub fn y(&self, value: f64) -> f64 {
        self.top + self.height - (value / self.y_max).clamp(0.0, 1.0) * self.height
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Horizontal lines at round values, with the values beside them.
    pub fn y_axis(&self, drawing: &mut Drawing, name: &str) {
        for tick in ticks(self.y_max, 4) {
            let y = self.y(tick);
            drawing.line("grid", self.left, self.right(), y);
            drawing.text("tick", (self.left - 6.0, y + 3.5), "end", grouped(tick as u64));
        }
        drawing.text("axis", (4.0, self.top - 8.0), "start", name);
    }

    pub fn base_line(&self, drawing: &mut Drawing) {
        drawing.line("base", self.left, self.right(), self.bottom());
    }

    /// `x_max` is in milliseconds.
    pub fn time_axis(&self, drawing: &mut Drawing, name: &str) {
        self.base_line(drawing);
        for tick in ticks(self.x_max, 8) {
            let text =
                if self.x_max < 3_000.0 { format!("{tick} ms") } else { format!("{} s", tick / 1_000.0) };
            drawing.text("tick", (self.x(tick), self.bottom() + 14.0), "middle", text);
        }
        drawing.text("axis", (self.right(), self.bottom() + 30.0), "end", name);
    }
}

/// Round values from zero to the maximum, about as many as `about`.
fn ticks(max: f64, about: usize) -> Vec<f64> {
    let rough = (max / about as f64).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
    let step = step.unwrap_or(power * 10.0);
    (0..=about * 2).map(|count| count as f64 * step).take_while(|tick| *tick <= max * 1.000_1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_end_at_the_maximum() {
        let check =
            |max: f64, about: usize, expected: &[f64]| assert_eq!(ticks(max, about), expected, "{max}");
        check(100.0, 4, &[0.0, 50.0, 100.0]);
        check(7.0, 4, &[0.0, 2.0, 4.0, 6.0]);
        check(18_000.0, 4, &[0.0, 5_000.0, 10_000.0, 15_000.0]);
    }
}
