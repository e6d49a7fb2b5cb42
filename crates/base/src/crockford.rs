//! Crockford base32: 5 bits a character, no `I`, `L`, `O` or `U`.
//!
//! Source: Douglas Crockford, "Base 32". Ids use the lower case, keys the upper case.

const UPPER: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LOWER: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The digit of each byte in one alphabet; 255 for bytes that are none.
const fn digits_of(alphabet: &[u8; 32]) -> [u8; 256] {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 32 {
        digits[alphabet[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
}

const NO_DIGIT: u8 = 255;
const UPPER_DIGITS: [u8; 256] = digits_of(UPPER);
const LOWER_DIGITS: [u8; 256] = digits_of(LOWER);

/// Appends the low `5 × length` bits of `value`, most significant character first, in upper case.
pub fn push_upper(text: &mut String, value: u128, length: usize) {
    push(text, value, length, UPPER);
}

/// Appends the low `5 × length` bits of `value`, most significant character first, in lower case.
pub fn push_lower(text: &mut String, value: u128, length: usize) {
    push(text, value, length, LOWER);
}

fn push(text: &mut String, value: u128, length: usize, alphabet: &[u8; 32]) {
    for position in (0..length).rev() {
        let shift = 5 * position;
        // 26 characters hold 130 bits: the topmost may reach past the 128 there are.
        let digit = if shift < 128 { (value >> shift) & 31 } else { 0 };
        text.push(char::from(alphabet[digit as usize]));
    }
}

/// Reads strict lower case of at most 26 characters; `None` for any other character or an overflow.
#[must_use]
pub fn parse_lower(text: &str) -> Option<u128> {
    let mut value: u128 = 0;
    for byte in text.bytes() {
        let digit = LOWER_DIGITS[usize::from(byte)];
        if digit == NO_DIGIT || value >> 123 != 0 {
            return None;
        }
        value = (value << 5) | u128::from(digit);
    }
    Some(value)
}

/// Whether every byte is a strict upper-case Crockford character.
#[must_use]
pub fn is_upper(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| UPPER_DIGITS[usize::from(byte)] != NO_DIGIT)
}
