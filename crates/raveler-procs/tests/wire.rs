//! The wire: what is written reads back equal, its end is found without decoding, and no bytes make a reader panic.

use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use proptest::{collection, prop_assert, prop_assert_eq};
use raveler_procs::WireError;
use raveler_procs::frame::{Body, Frame, Head, flags};
use raveler_procs::token::{Reader, Span, Tag, Token, Write, skip};

/// A value as a tree. Floats are told apart by their bits, so that NaN equals itself.
#[derive(Clone, Debug, PartialEq)]
enum Nest {
    None,
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Nest>),
    Pickle(Vec<u8>, Vec<Buffer>),
    BytesBlock(Span),
    Block(Span),
    Shared(Span),
    Error(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
enum Buffer {
    Inline(Vec<u8>),
    Away(Span),
}

impl Buffer {
    fn span(&self) -> Span {
        match self {
            Self::Inline(content) => Span::inline(content.len()),
            Self::Away(span) => *span,
        }
    }
}

impl Nest {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.tag(Tag::None),
            Self::Bool(true) => out.tag(Tag::True),
            Self::Bool(false) => out.tag(Tag::False),
            Self::Int(value) => out.int(*value),
            Self::Float(bits) => out.float(f64::from_bits(*bits)),
            Self::Str(text) => sized(out, Tag::Str, text.as_bytes()),
            Self::Bytes(content) => sized(out, Tag::Bytes, content),
            Self::Error(content) => sized(out, Tag::Error, content),
            Self::Tuple(members) => {
                out.tag(Tag::Tuple);
                Write::u32(out, u32::try_from(members.len()).expect("a short tuple"));
                for member in members {
                    member.write(out);
                }
            }
            Self::Pickle(data, buffers) => {
                let spans: Vec<Span> = buffers.iter().map(Buffer::span).collect();
                out.pickle(data, &spans).expect("a short pickle");
                for buffer in buffers {
                    if let Buffer::Inline(content) = buffer {
                        out.extend_from_slice(content);
                    }
                }
            }
            Self::BytesBlock(span) => pointer(out, Tag::BytesBlock, *span),
            Self::Block(span) => pointer(out, Tag::Block, *span),
            Self::Shared(span) => pointer(out, Tag::Shared, *span),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.token()? {
            Token::None => Self::None,
            Token::Bool(value) => Self::Bool(value),
            Token::Int(value) => Self::Int(value),
            Token::Float(value) => Self::Float(value.to_bits()),
            Token::Str(text) => Self::Str(text.to_owned()),
            Token::Bytes(content) => Self::Bytes(content.to_vec()),
            Token::Error(content) => Self::Error(content.to_vec()),
            Token::Tuple(count) => {
                Self::Tuple((0..count).map(|_| Self::read(reader)).collect::<Result<_, WireError>>()?)
            }
            Token::Pickle { data, buffers, inline } => {
                let mut content = Reader::new(inline);
                let read = |span: Span| {
                    if !span.is_inline() {
                        return Ok(Buffer::Away(span));
                    }
                    let len = usize::try_from(span.len).expect("a length that was read fits");
                    Ok(Buffer::Inline(content.take(len)?.to_vec()))
                };
                let buffers = buffers.map(read).collect::<Result<_, WireError>>()?;
                assert!(content.rest().is_empty(), "inline buffers have content that belongs to none");
                Self::Pickle(data.to_vec(), buffers)
            }
            Token::BytesBlock(span) => Self::BytesBlock(span),
            Token::Block(span) => Self::Block(span),
            Token::Shared(span) => Self::Shared(span),
        })
    }

    /// Collects the spans into blocks, in the order in which they stand on the wire.
    fn spans(&self, into: &mut Vec<Span>) {
        match self {
            Self::Tuple(members) => members.iter().for_each(|member| member.spans(into)),
            Self::Pickle(_, buffers) => into.extend(buffers.iter().map(Buffer::span).filter(|span| !span.is_inline())),
            Self::BytesBlock(span) | Self::Block(span) | Self::Shared(span) => into.push(*span),
            _ => {}
        }
    }
}

fn sized(out: &mut Vec<u8>, tag: Tag, content: &[u8]) {
    out.sized(tag, content).expect("a short value");
}

fn pointer(out: &mut Vec<u8>, tag: Tag, span: Span) {
    out.tag(tag);
    out.span(span);
}

fn wire(nest: &Nest) -> Vec<u8> {
    let mut out = Vec::new();
    nest.write(&mut out);
    out
}

fn spans(nest: &Nest) -> Vec<Span> {
    let mut spans = Vec::new();
    nest.spans(&mut spans);
    spans
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u8>(), 0..40)
}

/// A span into a block: no block has the number that marks an inline buffer.
fn span() -> impl Strategy<Value = Span> {
    (0..u64::MAX, any::<u64>()).prop_map(|(block, len)| Span { block, len })
}

fn buffer() -> impl Strategy<Value = Buffer> {
    prop_oneof![bytes().prop_map(Buffer::Inline), span().prop_map(Buffer::Away)]
}

fn nest() -> impl Strategy<Value = Nest> {
    let leaf = prop_oneof![
        proptest::strategy::Just(Nest::None),
        any::<bool>().prop_map(Nest::Bool),
        any::<i64>().prop_map(Nest::Int),
        any::<i8>().prop_map(|small| Nest::Int(i64::from(small))),
        any::<u64>().prop_map(Nest::Float),
        collection::vec(any::<char>(), 0..12).prop_map(|text| Nest::Str(text.into_iter().collect())),
        bytes().prop_map(Nest::Bytes),
        bytes().prop_map(Nest::Error),
        (bytes(), collection::vec(buffer(), 0..4)).prop_map(|(data, buffers)| Nest::Pickle(data, buffers)),
        span().prop_map(Nest::BytesBlock),
        span().prop_map(Nest::Block),
        span().prop_map(Nest::Shared),
    ];
    leaf.prop_recursive(5, 40, 6, |member| collection::vec(member, 0..6).prop_map(Nest::Tuple))
}

fn head() -> impl Strategy<Value = Head> {
    let numbers = (any::<[u32; 4]>(), any::<[u64; 3]>(), any::<u128>());
    (numbers, span(), span()).prop_map(|((short, long, seed), code, context)| Head {
        flags: short[0],
        attempt: short[1],
        items: short[2],
        skip: short[3],
        task: long[0],
        function: long[1],
        code,
        first: long[2],
        seed,
        context,
    })
}

/// Bytes of which many begin like a value, so that more than the first tag is looked at.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let likely = prop_oneof![3 => 0_u8..15, 2 => proptest::strategy::Just(0), 1 => any::<u8>()];
    collection::vec(likely, 0..120)
}

fn config() -> Config {
    Config { cases: 400, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_written_reads_back_equal(nests in collection::vec(nest(), 1..4)) {
        let out: Vec<u8> = nests.iter().flat_map(wire).collect();
        let mut reader = Reader::new(&out);
        for nest in &nests {
            prop_assert_eq!(&Nest::read(&mut reader).expect("a value was written"), nest);
        }
        prop_assert!(reader.rest().is_empty());
    }

    #[test]
    fn skip_ends_at_each_value_and_reports_its_spans(nests in collection::vec(nest(), 1..4)) {
        let out: Vec<u8> = nests.iter().flat_map(wire).collect();
        let mut reader = Reader::new(&out);
        for nest in &nests {
            let before = reader.rest();
            let mut seen = Vec::new();
            reader.skip(&mut |span| seen.push(span)).expect("a value was written");
            prop_assert_eq!(before.len() - reader.rest().len(), wire(nest).len());
            prop_assert_eq!(skip(before, &mut |_| {}), Ok(wire(nest).len()));
            prop_assert_eq!(seen, spans(nest));
        }
        prop_assert!(reader.rest().is_empty());
    }

    #[test]
    fn a_value_cut_short_is_an_error(nest in nest()) {
        let out = wire(&nest);
        for len in 0..out.len() {
            let cut = &out[..len];
            prop_assert_eq!(skip(cut, &mut |_| {}), Err(WireError::Short), "cut at {} of {}", len, out.len());
            prop_assert_eq!(Nest::read(&mut Reader::new(cut)), Err(WireError::Short));
        }
    }

    #[test]
    fn one_wrong_byte_never_panics(nest in nest(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut out = wire(&nest);
        let at = at.index(out.len());
        out[at] = byte;
        let len = skip(&out, &mut |_| {});
        prop_assert!(len.is_err() || len.is_ok_and(|len| len <= out.len()));
    }

    #[test]
    fn any_bytes_never_panic(bytes in noise()) {
        let len = skip(&bytes, &mut |_| {});
        prop_assert!(len.is_err() || len.is_ok_and(|len| len <= bytes.len()));
        match Frame::read(&bytes) {
            Ok(_) => prop_assert!(bytes.len() >= Head::SIZE),
            Err(error) => {
                prop_assert!(error == WireError::Blockless || bytes.len() < Head::SIZE + Span::SIZE);
            }
        }
    }

    #[test]
    fn a_skipped_value_can_be_read(bytes in noise()) {
        if let Ok(len) = skip(&bytes, &mut |_| {}) {
            let mut reader = Reader::new(&bytes);
            Nest::read(&mut reader).expect("skip found a whole value");
            prop_assert_eq!(bytes.len() - reader.rest().len(), len);
        }
    }

    #[test]
    fn a_head_reads_back_equal(head in head(), body in bytes(), place in span()) {
        let head = Head { flags: head.flags & !flags::BODY_BLOCK, ..head };
        let mut out = Vec::new();
        head.write(&mut out);
        prop_assert_eq!(out.len(), Head::SIZE);
        out.extend_from_slice(&body);
        let frame = Frame::read(&out).expect("a frame was written");
        prop_assert_eq!(frame.head, head);
        prop_assert_eq!(frame.body, Body::Inline(&body));

        let away = Head { flags: head.flags | flags::BODY_BLOCK, ..head };
        out.clear();
        away.write(&mut out);
        out.span(place);
        let frame = Frame::read(&out).expect("a frame was written");
        prop_assert_eq!(frame.head, away);
        prop_assert_eq!(frame.body, Body::Block(place));
        for len in 0..out.len() {
            prop_assert_eq!(Frame::read(&out[..len]).err(), Some(WireError::Short), "cut at {}", len);
        }
    }
}

#[test]
fn integers_take_the_shorter_form() {
    for (value, len) in [(0, 2), (127, 2), (-128, 2), (128, 9), (-129, 9), (i64::MAX, 9), (i64::MIN, 9)] {
        let out = wire(&Nest::Int(value));
        assert_eq!(out.len(), len, "{value}");
        assert_eq!(Reader::new(&out).token(), Ok(Token::Int(value)));
    }
}

#[test]
fn no_value_starts_with_an_unknown_byte() {
    for byte in 14..=u8::MAX {
        assert_eq!(Reader::new(&[byte, 0, 0, 0, 0, 0]).token(), Err(WireError::Tag(byte)));
    }
}

#[test]
fn a_string_is_utf8() {
    let mut out = Vec::new();
    sized(&mut out, Tag::Str, b"\xff\xfe");
    assert_eq!(skip(&out, &mut |_| {}), Err(WireError::Utf8));
}

#[test]
fn only_a_buffer_stands_behind_a_pickle() {
    let inline = Span::inline(3);
    for tag in [Tag::BytesBlock, Tag::Block, Tag::Shared] {
        let mut out = Vec::new();
        pointer(&mut out, tag, inline);
        assert_eq!(Reader::new(&out).token(), Err(WireError::Blockless));
        assert_eq!(skip(&out, &mut |_| {}), Err(WireError::Blockless));
    }
    let mut frame = flags::BODY_BLOCK.to_le_bytes().to_vec();
    frame.resize(Head::SIZE, 0);
    frame.span(inline);
    assert_eq!(Frame::read(&frame).err(), Some(WireError::Blockless));
}

#[test]
fn counts_that_lie_cost_nothing() {
    let huge = u32::MAX.to_le_bytes();
    let tuple = [&[Tag::Tuple as u8][..], &huge, &[Tag::None as u8; 64]].concat();
    assert_eq!(skip(&tuple, &mut |_| {}), Err(WireError::Short));
    let pickle = [&[Tag::Pickle as u8][..], &huge, &huge, &[0; 64]].concat();
    assert_eq!(skip(&pickle, &mut |_| {}), Err(WireError::Short));
    let mut inline = Vec::new();
    let spans = [Span { block: u64::MAX, len: u64::MAX }, Span { block: u64::MAX, len: 2 }];
    inline.pickle(b"", &spans).expect("a short pickle");
    assert_eq!(skip(&inline, &mut |_| {}), Err(WireError::Short));
}

#[test]
fn depth_costs_no_stack() {
    let depth = 1_000_000;
    let mut out = [Tag::Tuple as u8, 1, 0, 0, 0].repeat(depth);
    out.tag(Tag::None);
    assert_eq!(skip(&out, &mut |_| {}), Ok(depth * 5 + 1));
}
