//! The headers of a frame: a name of up to 255 bytes, a type and a value.

/// The headers of one frame, in order. All of them can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

/// The value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// One byte.
    Byte(i8),
    /// Two bytes.
    Short(i16),
    /// Four bytes.
    Integer(i32),
    /// Eight bytes.
    Long(i64),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// A moment, in milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

impl<'a> Headers<'a> {
    /// Takes the bytes of headers; `None` where they cannot be read to the end.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            next(&mut rest)?;
        }
        Some(Self(bytes))
    }

    /// The value of the first header with a name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.iter().find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The text of the first header with a name; empty where there is none or it is no text.
    pub fn text(&self, name: &str) -> &'a str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || next(&mut rest))
    }
}

/// Takes the next header off the bytes.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, Value<'a>)> {
    let [length] = array(rest)?;
    let name = std::str::from_utf8(slice(rest, usize::from(length))?).ok()?;
    let [kind] = array(rest)?;
    let value = match kind {
        0 => Value::Bool(true),
        1 => Value::Bool(false),
        2 => Value::Byte(i8::from_be_bytes(array(rest)?)),
        3 => Value::Short(i16::from_be_bytes(array(rest)?)),
        4 => Value::Integer(i32::from_be_bytes(array(rest)?)),
        5 => Value::Long(i64::from_be_bytes(array(rest)?)),
        6 => Value::Bytes(sized(rest)?),
        7 => Value::Text(std::str::from_utf8(sized(rest)?).ok()?),
        8 => Value::Timestamp(i64::from_be_bytes(array(rest)?)),
        9 => Value::Uuid(array(rest)?),
        _ => return None,
    };
    Some((name, value))
}

/// A value that begins with its length.
fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(array(rest)?);
    slice(rest, usize::from(length))
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}
