//! The operators of a page.

use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::dict::keys::{BBOX, CA, CA_NS, FORM, MATRIX, RESOURCES, SUBTYPE};
use hayro_syntax::object::{Dict, Name, Number, Object, Rect, Stream};
use hayro_syntax::page::Resources;

use super::super::Unreadable;
use super::bounds;
use super::canvas::{Canvas, Ink, Rule};
use super::colour::Space;
use super::matrix::{Bounds, Matrix, Point};
use super::path::{Path, Pen};
use super::picture;

/// Forms within forms.
const DEPTH_MAX: u32 = 12;
/// States that are kept at a time.
const STATES_MAX: usize = 256;

/// What holds until it is changed, or given back as it was.
#[derive(Clone)]
struct State {
    matrix: Matrix,
    clip: Bounds,
    fill: Paint,
    stroke: Paint,
    pen: Pen,
}

#[derive(Clone)]
struct Paint {
    space: Space,
    ink: Ink,
}

/// Draws the operators of a page.
pub(super) fn page(
    canvas: &mut Canvas,
    contents: &[u8],
    resources: &Resources<'_>,
    matrix: Matrix,
) -> Result<(), Unreadable> {
    let black = Paint { space: Space::Grey, ink: Ink { grey: 0, alpha: 1.0 } };
    let pen = Pen { width: 1.0, is_projecting: false };
    let state = State { matrix, clip: canvas.bounds(), fill: black.clone(), stroke: black, pen };
    Painter { canvas, resources, state, kept: Vec::new(), path: Path::default(), clips: false, depth: 0 }
        .run(contents)
}

struct Painter<'a, 'r> {
    canvas: &'a mut Canvas,
    resources: &'a Resources<'r>,
    state: State,
    kept: Vec<State>,
    path: Path,
    /// Whether the path clips once it is painted.
    clips: bool,
    depth: u32,
}

impl<'r> Painter<'_, 'r> {
    fn run(&mut self, contents: &[u8]) -> Result<(), Unreadable> {
        let mut operators = TypedIter::new(contents);
        while let Some(operator) = operators.next() {
            self.canvas.spend(1)?;
            if !self.set(&operator)? && !self.outline(&operator) {
                self.draw(&operator)?;
            }
        }
        Ok(())
    }

    /// Whether the operator was one that changes the state.
    fn set(&mut self, operator: &Op<'_, '_>) -> Result<bool, Unreadable> {
        let State { fill, stroke, pen, .. } = &mut self.state;
        match operator {
            Op::SaveState(_) => self.keep()?,
            Op::RestoreState(_) => self.give_back(),
            Op::Transform(m) => {
                let numbers = [&m.0, &m.1, &m.2, &m.3, &m.4, &m.5].map(Number::as_f64);
                self.state.matrix = Matrix(numbers).then(self.state.matrix);
            }
            Op::LineWidth(width) => pen.width = width.0.as_f64().abs(),
            Op::LineCap(cap) => pen.is_projecting = cap.0.as_i64() > 0,
            Op::SetGraphicsState(name) => self.set_from(name.0),
            Op::NonStrokeColorDeviceGray(grey) => fill.set(Space::Grey, &[&grey.0]),
            Op::StrokeColorDeviceGray(grey) => stroke.set(Space::Grey, &[&grey.0]),
            Op::NonStrokeColorDeviceRgb(rgb) => fill.set(Space::Rgb, &[&rgb.0, &rgb.1, &rgb.2]),
            Op::StrokeColorDeviceRgb(rgb) => stroke.set(Space::Rgb, &[&rgb.0, &rgb.1, &rgb.2]),
            Op::NonStrokeColorCmyk(cmyk) => fill.set(Space::Cmyk, &[&cmyk.0, &cmyk.1, &cmyk.2, &cmyk.3]),
            Op::StrokeColorCmyk(cmyk) => stroke.set(Space::Cmyk, &[&cmyk.0, &cmyk.1, &cmyk.2, &cmyk.3]),
            Op::ColorSpaceNonStroke(name) => fill.enter(name.0, self.resources),
            Op::ColorSpaceStroke(name) => stroke.enter(name.0, self.resources),
            Op::NonStrokeColor(colour) => fill.colour(&colour.0),
            Op::NonStrokeColorNamed(colour) => fill.colour(&colour.0),
            Op::StrokeColor(colour) => stroke.colour(&colour.0),
            Op::StrokeColorNamed(colour) => stroke.colour(&colour.0),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn keep(&mut self) -> Result<(), Unreadable> {
        if self.kept.len() >= STATES_MAX {
            return Err(Unreadable::TooLarge(format!("the page keeps more than {STATES_MAX} states")));
        }
        self.kept.push(self.state.clone());
        Ok(())
    }

    fn give_back(&mut self) {
        if let Some(state) = self.kept.pop() {
            self.state = state;
        }
    }

    /// What a named state says of how opaque things are.
    fn set_from(&mut self, name: &Name<'_>) {
        let Some(dict) = self.resources.get_ext_g_state(name) else { return };
        for (key, paint) in [(CA_NS, &mut self.state.fill), (CA, &mut self.state.stroke)] {
            if let Some(alpha) = dict.get::<f32>(key) {
                paint.ink.alpha = alpha.clamp(0.0, 1.0);
            }
        }
    }

    /// Whether the operator was one that adds to the path.
    fn outline(&mut self, operator: &Op<'_, '_>) -> bool {
        let path = &mut self.path;
        match operator {
            Op::MoveTo(to) => path.move_to(point(&to.0, &to.1)),
            Op::LineTo(to) => path.line_to(point(&to.0, &to.1)),
            Op::CubicTo(to) => path.curve_to(point(&to.0, &to.1), point(&to.2, &to.3), point(&to.4, &to.5)),
            Op::CubicStartTo(to) => path.curve_to(path.end(), point(&to.0, &to.1), point(&to.2, &to.3)),
            Op::CubicEndTo(to) => {
                path.curve_to(point(&to.0, &to.1), point(&to.2, &to.3), point(&to.2, &to.3));
            }
            Op::ClosePath(_) => path.close(),
            Op::RectPath(to) => path.rectangle(point(&to.0, &to.1), to.2.as_f64(), to.3.as_f64()),
            Op::ClipNonZero(_) | Op::ClipEvenOdd(_) => self.clips = true,
            _ => return false,
        }
        true
    }

    fn draw(&mut self, operator: &Op<'_, '_>) -> Result<(), Unreadable> {
        let (non_zero, even_odd) = (Some(Rule::NonZero), Some(Rule::EvenOdd));
        match operator {
            Op::FillPathNonZero(_) | Op::FillPathNonZeroCompatibility(_) => self.paint(non_zero, false),
            Op::FillPathEvenOdd(_) => self.paint(even_odd, false),
            Op::StrokePath(_) => self.paint(None, true),
            Op::FillAndStrokeNonZero(_) => self.paint(non_zero, true),
            Op::FillAndStrokeEvenOdd(_) => self.paint(even_odd, true),
            Op::CloseAndStrokePath(_) => self.close_and_paint(None),
            Op::CloseFillAndStrokeNonZero(_) => self.close_and_paint(non_zero),
            Op::CloseFillAndStrokeEvenOdd(_) => self.close_and_paint(even_odd),
            Op::EndPath(_) => self.paint(None, false),
            Op::InlineImage(image) => self.picture(image.0),
            Op::XObject(name) => match self.resources.get_x_object(name.0) {
                Some(object) => self.object(&object),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn close_and_paint(&mut self, fill: Option<Rule>) -> Result<(), Unreadable> {
        self.path.close();
        self.paint(fill, true)
    }

    /// Ends the path: fills it, draws its lines, clips with it.
    fn paint(&mut self, fill: Option<Rule>, strokes: bool) -> Result<(), Unreadable> {
        let path = std::mem::take(&mut self.path);
        let state = &mut self.state;
        let polygons = path.polygons(state.matrix);
        if let Some(rule) = fill.filter(|_| state.fill.is_drawn()) {
            self.canvas.fill(&polygons, rule, state.fill.ink, state.clip)?;
        }
        if strokes && state.stroke.is_drawn() {
            let lines = path.strokes(state.pen, state.matrix);
            self.canvas.fill(&lines, Rule::NonZero, state.stroke.ink, state.clip)?;
        }
        if std::mem::take(&mut self.clips) {
            state.clip = Bounds::around(polygons.into_iter().flatten()).within(state.clip);
        }
        Ok(())
    }

    fn picture(&mut self, stream: &Stream<'_>) -> Result<(), Unreadable> {
        let State { matrix, clip, fill, .. } = &self.state;
        let painting = picture::painting(stream, self.resources, fill.ink.grey)?;
        self.canvas.spend(painting.grey.values.len() as u64)?;
        self.canvas.paint(&painting, *matrix, fill.ink.alpha, *clip)
    }

    fn object(&mut self, stream: &Stream<'r>) -> Result<(), Unreadable> {
        let is_form = stream.dict().get::<Name<'_>>(SUBTYPE).is_some_and(|name| &*name == FORM);
        if is_form { self.form(stream) } else { self.picture(stream) }
    }

    /// Draws a page within the page, with its own resources if it has some.
    fn form(&mut self, stream: &Stream<'r>) -> Result<(), Unreadable> {
        if self.depth >= DEPTH_MAX {
            return Err(Unreadable::TooLarge(format!(
                "the page has more than {DEPTH_MAX} forms within forms"
            )));
        }
        let dict = stream.dict();
        let mut state = self.state.clone();
        if let Some(numbers) = dict.get::<[f64; 6]>(MATRIX) {
            state.matrix = Matrix(numbers).then(state.matrix);
        }
        if let Some(Rect { x0, y0, x1, y1 }) = dict.get::<Rect>(BBOX) {
            let corners = [(x0, y0), (x1, y0), (x0, y1), (x1, y1)].map(|corner| state.matrix.at(corner));
            state.clip = Bounds::around(corners).within(state.clip);
        }
        let own = dict.get::<Dict<'r>>(RESOURCES).map(Resources::new);
        let resources = own.as_ref().unwrap_or(self.resources);
        let contents = bounds::data(stream)?;
        self.canvas.spend(contents.len() as u64)?;
        let (kept, path, depth) = (Vec::new(), Path::default(), self.depth + 1);
        Painter { canvas: self.canvas, resources, state, kept, path, clips: false, depth }.run(&contents)
    }
}

impl Paint {
    fn set(&mut self, space: Space, numbers: &[&Number]) {
        self.space = space;
        let colour: Vec<f32> = numbers.iter().map(|number| number.as_f32()).collect();
        self.ink.grey = self.space.grey(&colour);
    }

    /// The colour in a space that was entered.
    fn colour(&mut self, numbers: &[Number]) {
        let colour: Vec<f32> = numbers.iter().map(Number::as_f32).collect();
        self.ink.grey = self.space.grey(&colour);
    }

    /// Every space begins with black, or with its inks full; one that is unknown is not drawn.
    fn enter(&mut self, name: &Name<'_>, resources: &Resources<'_>) {
        self.space = Space::read(Object::Name(name.clone()), resources).unwrap_or(Space::Pattern);
        self.ink.grey = 0;
    }

    fn is_drawn(&self) -> bool {
        !matches!(self.space, Space::Pattern)
    }
}

fn point(x: &Number, y: &Number) -> Point {
    (x.as_f64(), y.as_f64())
}
