//! Colour spaces, as far as grey needs them.
//!
//! An ink of its own (Separation, DeviceN) is taken for black: codes are printed in dark ones.

use hayro_syntax::object::dict::keys::N;
use hayro_syntax::object::{Array, Name, Object, Stream, String as Text};
use hayro_syntax::page::Resources;

use super::bounds;

/// Colour spaces within colour spaces.
const DEPTH_MAX: u32 = 4;

#[derive(Clone)]
pub(super) enum Space {
    Grey,
    Rgb,
    Cmyk,
    /// CIE L*a*b*, whose lightness goes to 100.
    Lab,
    /// So many inks.
    Inks(usize),
    /// Numbers of colours in a table of another space.
    Table(Box<Space>, Vec<u8>),
    /// Patterns are not drawn.
    Pattern,
}

impl Space {
    /// `None` if it is unknown.
    pub(super) fn read(object: Object<'_>, resources: &Resources<'_>) -> Option<Self> {
        Self::read_at(0, object, resources)
    }

    fn read_at(depth: u32, object: Object<'_>, resources: &Resources<'_>) -> Option<Self> {
        if depth > DEPTH_MAX {
            return None;
        }
        match object {
            Object::Name(name) => Self::named(&name).or_else(|| {
                let object = resources.get_color_space(&name)?;
                Self::read_at(depth + 1, object, resources)
            }),
            Object::Array(array) => Self::listed(depth, &array, resources),
            _ => None,
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"DeviceGray" | b"G" | b"CalGray" => Some(Self::Grey),
            b"DeviceRGB" | b"RGB" | b"CalRGB" => Some(Self::Rgb),
            b"DeviceCMYK" | b"CMYK" | b"CalCMYK" => Some(Self::Cmyk),
            b"Lab" => Some(Self::Lab),
            b"Pattern" => Some(Self::Pattern),
            _ => None,
        }
    }

    fn listed(depth: u32, array: &Array<'_>, resources: &Resources<'_>) -> Option<Self> {
        let mut items = array.flex_iter();
        let name = items.next::<Name<'_>>()?;
        match &*name {
            b"ICCBased" => Self::of_components(items.next::<Stream<'_>>()?.dict().get::<usize>(N)?),
            b"Separation" => Some(Self::Inks(1)),
            b"DeviceN" => Some(Self::Inks(items.next::<Array<'_>>()?.raw_iter().count())),
            b"Indexed" | b"I" => {
                let base = Self::read_at(depth + 1, items.next::<Object<'_>>()?, resources)?;
                let _highest = items.next::<Object<'_>>()?;
                Some(Self::Table(Box::new(base), table(items.next::<Object<'_>>()?)?))
            }
            name => Self::named(name),
        }
    }

    pub(super) fn of_components(components: usize) -> Option<Self> {
        match components {
            1 => Some(Self::Grey),
            3 => Some(Self::Rgb),
            4 => Some(Self::Cmyk),
            _ => None,
        }
    }

    pub(super) fn components(&self) -> usize {
        match self {
            Self::Grey | Self::Table(..) => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
            Self::Inks(inks) => *inks,
            Self::Pattern => 0,
        }
    }

    /// What the least and the greatest value of a sample stand for in a picture that does not say so.
    pub(super) fn range(&self, sample_max: f32) -> (f32, f32) {
        match self {
            Self::Lab => (0.0, 100.0),
            Self::Table(..) => (0.0, sample_max),
            _ => (0.0, 1.0),
        }
    }

    /// The grey of a colour, whose missing components are 0.
    pub(super) fn grey(&self, colour: &[f32]) -> u8 {
        let at = |component: usize| colour.get(component).copied().unwrap_or(0.0);
        let light = match self {
            Self::Grey => at(0),
            Self::Rgb => lightness(at(0), at(1), at(2)),
            Self::Cmyk => lightness(1.0 - at(0), 1.0 - at(1), 1.0 - at(2)) * (1.0 - at(3)),
            Self::Lab => at(0) / 100.0,
            Self::Inks(inks) => (0..*inks).map(|ink| 1.0 - at(ink)).product(),
            Self::Table(base, table) => return base.entry(table, at(0)),
            Self::Pattern => 1.0,
        };
        byte(light * 255.0)
    }

    /// The grey of an entry of a table in this space, whose components are bytes.
    fn entry(&self, table: &[u8], number: f32) -> u8 {
        let components = self.components();
        let start = usize::from(byte(number)) * components;
        let bytes = table.get(start..start + components).unwrap_or(&[]);
        let (least, greatest) = self.range(255.0);
        let colour: Vec<f32> =
            bytes.iter().map(|byte| least + (greatest - least) * f32::from(*byte) / 255.0).collect();
        self.grey(&colour)
    }
}

fn table(object: Object<'_>) -> Option<Vec<u8>> {
    match object {
        Object::String(text) => Some(bytes_of(&text)),
        Object::Stream(stream) => bounds::data(&stream).ok(),
        _ => None,
    }
}

fn bytes_of(text: &Text<'_>) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The luma of ITU-R BT.601.
fn lightness(red: f32, green: f32, blue: f32) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at 0 and 255"
)]
fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}
