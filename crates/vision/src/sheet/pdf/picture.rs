//! Pictures and stencils of a PDF.

use hayro_syntax::object::dict::keys::{
    BITS_PER_COMPONENT, BPC, COLORSPACE, CS, D, DECODE, H, HEIGHT, IM, IMAGE_MASK, MASK, SMASK, W, WIDTH,
};
use hayro_syntax::object::stream::{FilterResult, ImageColorSpace, ImageDecodeParams};
use hayro_syntax::object::{Array, Dict, Object, Stream};
use hayro_syntax::page::Resources;

use super::super::{Unreadable, WHITE, pixels_of};
use super::bounds::{self, broken};
use super::canvas::{Painting, Plane};
use super::colour::Space;

/// What a picture says of itself.
struct Form {
    width: u32,
    height: u32,
    bits: u8,
    space: Option<Space>,
    decode: Vec<(f32, f32)>,
}

/// A picture in grey, or a stencil through which `ink` is laid.
pub(super) fn painting(
    stream: &Stream<'_>,
    resources: &Resources<'_>,
    ink: u8,
) -> Result<Painting, Unreadable> {
    let dict = stream.dict();
    if first(dict, [IM, IMAGE_MASK]).and_then(Object::into_bool).unwrap_or(false) {
        let grey = Plane { width: 1, height: 1, values: vec![ink] };
        return Ok(Painting { grey, cover: Some(stencil(stream)?) });
    }
    let (grey, alpha) = planes(stream, Some(resources))?;
    let cover = match (dict.get::<Stream<'_>>(SMASK), dict.get::<Stream<'_>>(MASK)) {
        (Some(mask), _) => Some(planes(&mask, None)?.0),
        (None, Some(mask)) => Some(stencil(&mask)?),
        (None, None) => alpha,
    };
    Ok(Painting { grey, cover })
}

/// Where a stencil lets ink through: at its zeros, unless it says otherwise.
fn stencil(stream: &Stream<'_>) -> Result<Plane, Unreadable> {
    let (mut plane, _) = planes(stream, None)?;
    plane.values.iter_mut().for_each(|value| *value = u8::MAX - *value);
    Ok(plane)
}

/// The value of the first of two keys, of which one is short for the other.
fn first<'a>(dict: &Dict<'a>, keys: [&[u8]; 2]) -> Option<Object<'a>> {
    keys.into_iter().find_map(|key| dict.get::<Object<'a>>(key))
}

/// Its values in grey, and how opaque they are if it says so itself. Without resources it is a mask, of one component.
fn planes(
    stream: &Stream<'_>,
    resources: Option<&Resources<'_>>,
) -> Result<(Plane, Option<Plane>), Unreadable> {
    let form = Form::read(stream.dict(), resources)?;
    let parameters = ImageDecodeParams {
        is_indexed: matches!(form.space, Some(Space::Table(..))),
        bpc: Some(form.bits),
        num_components: form.space.as_ref().and_then(|space| u8::try_from(space.components()).ok()),
        target_dimension: None,
        width: form.width,
        height: form.height,
    };
    let mut unpacked = bounds::picture(stream, &parameters)?;
    let alpha = unpacked.image_data.as_mut().and_then(|data| data.alpha.take());
    let form = form.corrected(&unpacked)?;
    let plane = |values| Plane { width: form.width, height: form.height, values };
    Ok((plane(form.greys(&unpacked.data)?), alpha.map(plane)))
}

impl Form {
    fn read(dict: &Dict<'_>, resources: Option<&Resources<'_>>) -> Result<Self, Unreadable> {
        let number =
            |keys| first(dict, keys).and_then(Object::into_i32).and_then(|number| u32::try_from(number).ok());
        let (Some(width), Some(height)) = (number([W, WIDTH]), number([H, HEIGHT])) else {
            return Err(broken("a picture on the page does not say how large it is"));
        };
        pixels_of(width, height)?;
        let is_mask =
            resources.is_none() || first(dict, [IM, IMAGE_MASK]).and_then(Object::into_bool) == Some(true);
        let space = match resources {
            Some(resources) if !is_mask => {
                first(dict, [CS, COLORSPACE]).and_then(|object| Space::read(object, resources))
            }
            _ => Some(Space::Grey),
        };
        let bits = number([BPC, BITS_PER_COMPONENT]).unwrap_or(if is_mask { 1 } else { 8 });
        let bits = u8::try_from(bits).ok().filter(|bits| matches!(bits, 1 | 2 | 4 | 8 | 16));
        let bits = bits.ok_or_else(|| broken("a picture on the page has samples of an unknown size"))?;
        Ok(Self { width, height, bits, space, decode: decode(dict) })
    }

    /// What a JPEG, JPEG 2000, JBIG2 or fax says of itself is more true than what the PDF says of it.
    fn corrected(mut self, unpacked: &FilterResult<'_>) -> Result<Self, Unreadable> {
        let Some(data) = &unpacked.image_data else { return Ok(self) };
        pixels_of(data.width, data.height)?;
        (self.width, self.height, self.bits) = (data.width, data.height, data.bits_per_component);
        let components = match data.color_space {
            Some(ImageColorSpace::Gray) => 1,
            Some(ImageColorSpace::Rgb) => 3,
            Some(ImageColorSpace::Cmyk) => 4,
            Some(ImageColorSpace::Unknown(components)) => usize::from(components),
            None => return Ok(self),
        };
        if self.space.as_ref().is_none_or(|space| space.components() != components) {
            self.space = Space::of_components(components);
        }
        Ok(self)
    }

    /// The grey of every pixel; white where samples are missing.
    fn greys(&self, samples: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let space = self.space.as_ref().filter(|space| space.components() > 0);
        let space = space.ok_or_else(|| broken("a picture on the page has colours of an unknown kind"))?;
        let (bits, components, width) = (usize::from(self.bits), space.components(), self.width as usize);
        let sample_max = f32::from(u16::MAX >> (16 - bits));
        let value = |component: usize, sample: u16| {
            let (least, greatest) = self.decode.get(component).copied().unwrap_or(space.range(sample_max));
            least + (greatest - least) * f32::from(sample) / sample_max
        };
        // Most have one component of a byte at most, and so few greys that they can be listed.
        let listed: Vec<u8> = match (components, bits) {
            (1, ..=8) => {
                (0..=u16::MAX >> (16 - bits)).map(|sample| space.grey(&[value(0, sample)])).collect()
            }
            _ => Vec::new(),
        };
        let mut colour = vec![0.0; components];
        let mut greys = Vec::with_capacity(width * self.height as usize);
        for row in samples.chunks((width * components * bits).div_ceil(8)).take(self.height as usize) {
            for pixel in 0..width.min(row.len() * 8 / (bits * components)) {
                if let Some(grey) = listed.get(usize::from(sample(row, pixel, bits))) {
                    greys.push(*grey);
                    continue;
                }
                for (component, part) in colour.iter_mut().enumerate() {
                    *part = value(component, sample(row, pixel * components + component, bits));
                }
                greys.push(space.grey(&colour));
            }
        }
        greys.resize(width * self.height as usize, WHITE);
        Ok(greys)
    }
}

/// What the least and the greatest sample of each component stand for; empty if that is as usual.
fn decode(dict: &Dict<'_>) -> Vec<(f32, f32)> {
    let numbers = first(dict, [D, DECODE]).and_then(Object::into_array);
    let numbers: Vec<f32> = numbers.iter().flat_map(Array::iter::<f32>).collect();
    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// A sample of so many bits, the first in the highest bits of the first byte.
fn sample(row: &[u8], index: usize, bits: usize) -> u16 {
    let bit = index * bits;
    let byte = u16::from(row[bit / 8]);
    match bits {
        8 => byte,
        16 => byte << 8 | u16::from(row[bit / 8 + 1]),
        _ => byte >> (8 - bits - bit % 8) & (0xFF >> (8 - bits)),
    }
}
