//! Drawings in a zip (PKWARE's APPNOTE.TXT), stored, all of the first day that a zip can tell.
//!
//! A drawing is as long as its symbol wants it, so all are rendered once to learn where each begins, and its checksum.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::run::{Run, Stretches};
use super::svg::Drawings;
use super::{Pieces, Unfit, in_memory};

/// Entries of a zip at most, without the extension for more.
pub const DRAWINGS_MAX: u64 = 65_535;

const EXTENSION: &str = ".svg";
const LOCAL_LENGTH: u16 = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: u64 = 22;
/// The first, which had stored files.
const VERSION: u16 = 10;
/// The 1st of January 1980.
const DATE: u16 = 1 << 5 | 1;
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

pub(super) struct Zip {
    drawings: Drawings,
    /// Where each entry begins, and the directory at last.
    offsets: Vec<u32>,
    checksums: Vec<u32>,
    directory: Stretches,
}

impl Zip {
    pub(super) fn new(run: Run) -> Result<Self, Unfit> {
        if run.quantity > DRAWINGS_MAX {
            return Err(Unfit::TooMany);
        }
        let drawings = Drawings::new(run)?;
        let (offsets, checksums) = survey(&drawings);
        let start = offsets[offsets.len() - 1];
        let directory = Stretches::new(&drawings.run, start.into(), CENTRAL_LENGTH + EXTENSION.len(), 1);
        Ok(Self { drawings, offsets, checksums, directory })
    }

    fn directory_start(&self) -> u32 {
        self.offsets[self.checksums.len()]
    }

    fn write_entry(&self, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PK\x03\x04");
        self.write_description(index, out);
        self.write_name(index, out);
        self.drawings.write(index as u64, out);
    }

    fn write_directory_entry(&self, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PK\x01\x02");
        // Made on the first system of all, which has no permissions.
        write_shorts(&[VERSION], out);
        self.write_description(index, out);
        // No comment, on the only disk, without attributes of any kind.
        write_shorts(&[0, 0, 0], out);
        write_longs(&[0, self.offsets[index]], out);
        self.write_name(index, out);
    }

    /// What the entry and the directory both tell: stored, without flags.
    fn write_description(&self, index: usize, out: &mut Vec<u8>) {
        let name_length = self.name_length(index);
        let entry_length = self.offsets[index + 1] - self.offsets[index];
        let length = entry_length - u32::from(name_length + LOCAL_LENGTH);
        write_shorts(&[VERSION, 0, 0, 0, DATE], out);
        write_longs(&[self.checksums[index], length, length], out);
        write_shorts(&[name_length, 0], out);
    }

    fn name_length(&self, index: usize) -> u16 {
        let length = self.drawings.run.serial_length(index as u64) + EXTENSION.len();
        u16::try_from(length).expect("a serial is short")
    }

    fn write_name(&self, index: usize, out: &mut Vec<u8>) {
        self.drawings.run.write_serial(index as u64, out);
        out.extend_from_slice(EXTENSION.as_bytes());
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.checksums.len()).expect("there are no more than a zip may have");
        let start = self.directory_start();
        let length = u32::try_from(self.directory.end()).expect(SHORT) - start;
        out.extend_from_slice(b"PK\x05\x06");
        write_shorts(&[0, 0, count, count], out);
        write_longs(&[length, start], out);
        write_shorts(&[0], out);
    }
}

const SHORT: &str = "the longest of all zips has less than 32 bits";

impl Pieces for Zip {
    fn length(&self) -> u64 {
        self.directory.end() + END_LENGTH
    }

    fn write_piece(&self, offset: u64, out: &mut Vec<u8>) -> u64 {
        if offset < self.directory_start().into() {
            let index = self.offsets.partition_point(|start| u64::from(*start) <= offset) - 1;
            self.write_entry(index, out);
            return self.offsets[index].into();
        }
        if offset < self.directory.end() {
            let (index, start) = self.directory.find(offset);
            self.write_directory_entry(in_memory(index), out);
            return start;
        }
        self.write_end(out);
        self.directory.end()
    }
}

/// Renders all drawings, for where their entries begin, the end of the last, and their checksums.
fn survey(drawings: &Drawings) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = vec![0];
    let mut checksums = Vec::new();
    let (mut offset, mut drawing) = (0, Vec::new());
    for index in 0..drawings.run.quantity {
        drawing.clear();
        drawings.write(index, &mut drawing);
        checksums.push(CHECKSUM.checksum(&drawing));
        offset +=
            usize::from(LOCAL_LENGTH) + drawings.run.serial_length(index) + EXTENSION.len() + drawing.len();
        offsets.push(u32::try_from(offset).expect(SHORT));
    }
    (offsets, checksums)
}

fn write_shorts(values: &[u16], out: &mut Vec<u8>) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn write_longs(values: &[u32], out: &mut Vec<u8>) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}
