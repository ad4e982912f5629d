//! The format of values on the wire: one tag byte, then what the tag says, so that values follow each other without an index.
//!
//! Numbers are little endian. A value is *self-delimiting*: [`skip`] finds its end without an interpreter.

use crate::error::WireError;

/// What a value on the wire starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// `None`.
    None = 0,
    /// `True`.
    True = 1,
    /// `False`.
    False = 2,
    /// An integer of eight bytes.
    Int = 3,
    /// A float: its eight bytes, NaN payload included.
    Float = 4,
    /// A string: length (4), UTF-8.
    Str = 5,
    /// Bytes: length (4), content.
    Bytes = 6,
    /// A tuple: count (4), that many values.
    Tuple = 7,
    /// Pickle protocol 5: length (4), number of buffers (4), a [`Span`] each, the pickle, the content of inline buffers.
    Pickle = 8,
    /// Bytes that stand in a block: a [`Span`].
    BytesBlock = 9,
    /// A whole value that stands in a block: a [`Span`] over its wire form.
    Block = 10,
    /// A value put where every worker can read it: a [`Span`] over its wire form; decoded once a process.
    Shared = 11,
    /// One byte of integer.
    SmallInt = 12,
    /// An error: length (4), its serialised form.
    Error = 13,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        const TAGS: [Tag; 14] = [
            Tag::None,
            Tag::True,
            Tag::False,
            Tag::Int,
            Tag::Float,
            Tag::Str,
            Tag::Bytes,
            Tag::Tuple,
            Tag::Pickle,
            Tag::BytesBlock,
            Tag::Block,
            Tag::Shared,
            Tag::SmallInt,
            Tag::Error,
        ];
        TAGS.get(usize::from(byte)).copied()
    }
}

/// A run of bytes in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The block, as the segment numbers it.
    pub block: u64,
    /// Bytes from the start of the block.
    pub len: u64,
}

impl Span {
    /// Bytes that a span takes on the wire.
    pub const SIZE: usize = 16;

    /// A buffer of so many bytes that stands behind the pickle instead of in a block.
    #[must_use]
    pub fn inline(len: usize) -> Self {
        Self { block: u64::MAX, len: len as u64 }
    }

    /// Whether the buffer stands behind the pickle.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.block == u64::MAX
    }
}

/// One value read from the wire, borrowed; nested values follow in the reader.
#[derive(Clone, Debug, PartialEq)]
pub enum Token<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The start of a tuple of so many values, which follow.
    Tuple(usize),
    /// A pickle and the spans of its buffers.
    Pickle {
        /// The pickle.
        data: &'a [u8],
        /// Its out-of-band buffers.
        buffers: Spans<'a>,
        /// The content of the inline ones, one after the other.
        inline: &'a [u8],
    },
    /// Bytes in a block.
    BytesBlock(Span),
    /// A value in a block.
    Block(Span),
    /// A shared value.
    Shared(Span),
    /// A serialised error.
    Error(&'a [u8]),
}

/// The spans of a pickle's buffers, read in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spans<'a>(&'a [u8]);

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let (head, rest) = self.0.split_first_chunk::<{ Span::SIZE }>()?;
        self.0 = rest;
        let mut reader = Reader::new(head);
        reader.span().ok()
    }
}

impl Spans<'_> {
    fn inline_len(&self) -> Option<usize> {
        let mut lengths = self.clone().filter(Span::is_inline).map(|span| usize::try_from(span.len));
        lengths.try_fold(0_usize, |sum, len| sum.checked_add(len.ok()?))
    }
}

/// Reads values and plain numbers from bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Returns what has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.bytes = rest;
        Ok(*head)
    }

    /// Reads `len` bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] if there are fewer.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or(WireError::Short)?;
        self.bytes = rest;
        Ok(head)
    }

    /// Reads a number of one byte.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Reads a number of four bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads a number of eight bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads a number of sixteen bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end.
    pub fn u128(&mut self) -> Result<u128, WireError> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// Reads a span.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end.
    pub fn span(&mut self) -> Result<Span, WireError> {
        Ok(Span { block: self.u64()?, len: self.u64()? })
    }

    /// Reads a span that must be in a block.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] at the end, [`WireError::Blockless`] if it is the mark of an inline buffer.
    pub fn place(&mut self) -> Result<Span, WireError> {
        Some(self.span()?).filter(|span| !span.is_inline()).ok_or(WireError::Blockless)
    }

    fn sized(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    /// Reads the next value; the members of a tuple follow it.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, WireError> {
        let byte = self.u8()?;
        Ok(match Tag::from_byte(byte).ok_or(WireError::Tag(byte))? {
            Tag::None => Token::None,
            Tag::True => Token::Bool(true),
            Tag::False => Token::Bool(false),
            Tag::SmallInt => Token::Int(i64::from(i8::from_le_bytes(self.array()?))),
            Tag::Int => Token::Int(i64::from_le_bytes(self.array()?)),
            Tag::Float => Token::Float(f64::from_le_bytes(self.array()?)),
            Tag::Str => Token::Str(std::str::from_utf8(self.sized()?).map_err(|_| WireError::Utf8)?),
            Tag::Bytes => Token::Bytes(self.sized()?),
            Tag::Tuple => Token::Tuple(self.u32()? as usize),
            Tag::Pickle => {
                let len = self.u32()? as usize;
                let count = self.u32()? as usize;
                let spans = self.take(count.checked_mul(Span::SIZE).ok_or(WireError::Short)?)?;
                let buffers = Spans(spans);
                let data = self.take(len)?;
                let inline = buffers.inline_len().ok_or(WireError::Short)?;
                Token::Pickle { data, buffers, inline: self.take(inline)? }
            }
            Tag::BytesBlock => Token::BytesBlock(self.place()?),
            Tag::Block => Token::Block(self.place()?),
            Tag::Shared => Token::Shared(self.place()?),
            Tag::Error => Token::Error(self.sized()?),
        })
    }

    /// Reads past one whole value, calling `each` with every span in it.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value.
    pub fn skip(&mut self, each: &mut dyn FnMut(Span)) -> Result<(), WireError> {
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            match self.token()? {
                Token::Tuple(count) => {
                    // Each member takes at least one byte: a larger count can't be true, and must not cost memory or time.
                    if count > self.bytes.len() {
                        return Err(WireError::Short);
                    }
                    left += count;
                }
                Token::Pickle { buffers, .. } => buffers.filter(|span| !span.is_inline()).for_each(&mut *each),
                Token::BytesBlock(span) | Token::Block(span) | Token::Shared(span) => each(span),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes values to the end of a buffer.
pub trait Write {
    /// Writes a tag.
    fn tag(&mut self, tag: Tag);
    /// Writes a number of four bytes.
    fn u32(&mut self, value: u32);
    /// Writes a number of eight bytes.
    fn u64(&mut self, value: u64);
    /// Writes a span.
    fn span(&mut self, span: Span);
    /// Writes an integer as a value.
    fn int(&mut self, value: i64);
    /// Writes a float as a value.
    fn float(&mut self, value: f64);
    /// Writes `tag`, the length of `content`, and `content`.
    ///
    /// # Errors
    ///
    /// [`WireError::Long`] above 4 GiB.
    fn sized(&mut self, tag: Tag, content: &[u8]) -> Result<(), WireError>;
    /// Writes a pickle with the spans of its buffers; the content of inline ones must be appended behind it.
    ///
    /// # Errors
    ///
    /// [`WireError::Long`] above 4 GiB.
    fn pickle(&mut self, data: &[u8], buffers: &[Span]) -> Result<(), WireError>;
}

impl Write for Vec<u8> {
    #[inline]
    fn tag(&mut self, tag: Tag) {
        self.push(tag as u8);
    }

    #[inline]
    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn span(&mut self, span: Span) {
        Write::u64(self, span.block);
        Write::u64(self, span.len);
    }

    #[inline]
    fn int(&mut self, value: i64) {
        if let Ok(small) = i8::try_from(value) {
            self.extend_from_slice(&[Tag::SmallInt as u8, small.to_le_bytes()[0]]);
        } else {
            let mut bytes = [Tag::Int as u8; 9];
            bytes[1..].copy_from_slice(&value.to_le_bytes());
            self.extend_from_slice(&bytes);
        }
    }

    #[inline]
    fn float(&mut self, value: f64) {
        let mut bytes = [Tag::Float as u8; 9];
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        self.extend_from_slice(&bytes);
    }

    fn sized(&mut self, tag: Tag, content: &[u8]) -> Result<(), WireError> {
        let len = u32::try_from(content.len()).map_err(|_| WireError::Long(content.len()))?;
        self.tag(tag);
        Write::u32(self, len);
        self.extend_from_slice(content);
        Ok(())
    }

    fn pickle(&mut self, data: &[u8], buffers: &[Span]) -> Result<(), WireError> {
        let len = u32::try_from(data.len()).map_err(|_| WireError::Long(data.len()))?;
        let count = u32::try_from(buffers.len()).map_err(|_| WireError::Long(buffers.len()))?;
        self.tag(Tag::Pickle);
        Write::u32(self, len);
        Write::u32(self, count);
        for &span in buffers {
            self.span(span);
        }
        self.extend_from_slice(data);
        Ok(())
    }
}

/// Reads past one value and returns its length; `each` gets every span in it.
///
/// # Errors
///
/// If the bytes do not start with a value.
pub fn skip(bytes: &[u8], each: &mut dyn FnMut(Span)) -> Result<usize, WireError> {
    let mut reader = Reader::new(bytes);
    reader.skip(each)?;
    Ok(bytes.len() - reader.rest().len())
}
