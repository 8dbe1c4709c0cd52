//! A DICOM file, from its bytes to a plane of brightness and what it says of itself.

use dicom_dictionary_std::tags;

use super::body::open_body;
use super::colour::decode_colour;
use super::facts::{Dicom, cautions_of_display};
use super::flaw::Flaw;
use super::frame::first_frame;
use super::greys::Greys;
use super::layout::{Colour, Layout};
use super::no_image::no_image;
use super::pixels::decode_frame;
use super::repairs::Repairs;
use crate::plane::{Plane, check_dimensions};
use crate::{Caution, DecodeError, Limits};

/// What a file of any format holds: a radiograph but for where it came from.
pub(crate) struct Decoded {
    pub(crate) plane: Plane,
    /// Where there is more than brightness: what was stored, and what it means.
    pub(crate) greys: Option<Box<Greys>>,
    /// What the file says of its image.
    pub(crate) facts: Option<Box<Dicom>>,
    pub(crate) cautions: Vec<Caution>,
}

/// Returns what a DICOM file holds.
#[inline(never)]
pub(crate) fn decode_dicom(bytes: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    decode_file(bytes, limits).map_err(|flaw| flaw.into_error(limits))
}

fn decode_file(bytes: &[u8], limits: &Limits) -> Result<Decoded, Flaw> {
    let max_bytes = limits.max_bytes.min(limits.max_decoded_bytes / 2);
    let repairs = Repairs::default();
    let body = open_body(
        bytes,
        usize::try_from(max_bytes).unwrap_or(usize::MAX),
        &repairs,
    )?;
    let elements = body.elements(&repairs)?;
    if !elements.has(tags::PIXEL_DATA) {
        return Err(no_image(&elements, &body));
    }
    let layout = Layout::from_elements(&elements)?;
    check_dimensions(layout.columns, layout.rows, limits)?;
    let frame = first_frame(&elements, &layout, &body.syntax)?;
    let (layout, samples) = decode_frame(frame, layout, &elements, &body, limits)?;
    let mut facts = Dicom::from_elements(&elements, &layout);
    let mut cautions = facts.cautions();
    cautions.extend(cautions_of_display(&elements, &layout));
    let (plane, greys) = match layout.colour {
        Colour::Grey { .. } => {
            let (greys, seen) = Greys::from_levels(&elements, &layout, samples)?;
            let window = greys.default_window(&elements, &seen)?;
            facts.range = Some(greys.range());
            facts.window = Some(window.window);
            let plane = Plane {
                width: layout.columns,
                height: layout.rows,
                luma: greys.luma(&window.table, limits)?,
                bits: layout.stored,
                false_colour: false,
                orientation: 1,
            };
            (plane, Some(Box::new(greys)))
        }
        _ => {
            let (plane, coloured) = decode_colour(&elements, &layout, &samples, limits)?;
            if coloured && !plane.false_colour {
                cautions.push(Caution::Colour);
            }
            (plane, None)
        }
    };
    if let Some(repairs) = repairs.words() {
        cautions.push(Caution::Repaired { repairs });
    }
    Ok(Decoded {
        plane,
        greys,
        facts: Some(Box::new(facts)),
        cautions,
    })
}
