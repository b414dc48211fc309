//! An image from bytes that nobody vouches for: everything is checked, nothing panics.

use super::predict::{self, Context, FIELDS};
use super::write::{
    CRC_AT, FIRST_LENGTH, HEAD_BITS, HEADER_BYTES, LENGTH_AT, LOW_BITS, NO_WORD, SHIFT_BITS,
    SIZE_BITS, WIDTH_BITS, crc, follows,
};
use super::{
    FORMAT_VERSION, Filters, Image, ImageError, MAGIC, MapSize, Pass, PeData, Run, Transfer, check,
    map,
};
use crate::bits::{BitReader, BitWriter};
use crate::geometry::Geometry;
use crate::huffman::{CodeLengths, Decoder};
use crate::network::{Frame, Head, Shape};
use crate::stream;
use std::collections::BTreeMap;
use thresh_regs::{MAX_CODE_LENGTH, PassDescriptor, Table};

/// The most labels, and the most entries of the provenance: more is no network of ours.
const MOST_TEXTS: usize = 1 << 16;

type Reader<'a> = BitReader<'a>;

fn truncated(what: &'static str) -> ImageError {
    ImageError::Truncated { what }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// If `bytes` are not exactly what [`Image::to_bytes`] gives for a sound image.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        header(bytes)?;
        let mut reader = Reader::new(bytes, usize::MAX);
        reader
            .take_bytes(HEADER_BYTES)
            .ok_or(truncated("the header"))?;
        let mut image = head(&mut reader, bytes[MAGIC.len() + 1], bytes[MAGIC.len() + 2])?;
        let count = read_runs(&mut reader, &mut image)?;
        image.name = text(&mut reader, "the name")?;
        let labels = number(&mut reader, "the number of labels")? as usize;
        image.labels = (0..labels.min(MOST_TEXTS))
            .map(|_| text(&mut reader, "a label"))
            .collect::<Result<_, _>>()?;
        let entries = number(&mut reader, "the size of the provenance")? as usize;
        for _ in 0..entries.min(MOST_TEXTS) {
            let key = text(&mut reader, "the provenance")?;
            image
                .provenance
                .insert(key, text(&mut reader, "the provenance")?);
        }
        check::input(&image)?;
        image.input_map =
            map::read(&mut reader, image.input.len()).ok_or(truncated("the input map"))?;
        if let Some(map) = &image.input_map {
            image.maps[0].words = map.len().div_ceil(image.num_pes);
        }
        check::input(&image)?;
        let mut context = Context::new(&image, count);
        let mut volume = check::Volume::default();
        // The last pass that has weights.
        let mut owner = None;
        for run in 0..image.runs.len() {
            let mut next = vec![usize::from(image.runs[run].entry_base); image.num_pes];
            for _ in 0..image.runs[run].passes {
                let i = image.passes.len();
                let pass = read_pass(&mut reader, &image, &context, owner, &mut next)
                    .map_err(|e| e.in_pass(i))?;
                volume.add(&pass).map_err(|e| e.in_pass(i))?;
                context.step(&pass);
                owner = if pass.reuse == 0 { Some(i) } else { owner };
                image.passes.push(pass);
            }
        }
        image.describe();
        if image.maps.len() == 1 {
            image.make_usual();
        }
        let again = image.to_bytes()?;
        if again != bytes {
            let byte = again.iter().zip(bytes).position(|(a, b)| a != b);
            let byte = byte.unwrap_or(again.len().min(bytes.len()));
            return Err(ImageError::NotCanonical { byte });
        }
        Ok(image)
    }
}

fn header(bytes: &[u8]) -> Result<(), ImageError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(ImageError::Magic {
            got: bytes[..bytes.len().min(MAGIC.len())].to_vec(),
        });
    }
    match bytes.get(MAGIC.len()) {
        Some(&FORMAT_VERSION) if bytes.len() >= HEADER_BYTES => {}
        Some(&got) if got != FORMAT_VERSION => return Err(ImageError::Version { got }),
        _ => return Err(truncated("the header")),
    }
    let expected = word(bytes, LENGTH_AT) as usize;
    if bytes.len() != expected {
        return Err(ImageError::Length {
            got: bytes.len(),
            expected,
        });
    }
    let (got, expected) = (crc(bytes), word(bytes, CRC_AT));
    if got != expected {
        return Err(ImageError::Crc { got, expected });
    }
    check::pes(bytes[MAGIC.len() + 1].into())?;
    check::widths(std::array::from_fn(|i| bytes[MAGIC.len() + 2 + i]))
}

fn head(reader: &mut Reader<'_>, num_pes: u8, act_bits: u8) -> Result<Image, ImageError> {
    let mut size = || Ok::<_, ImageError>(number(reader, "the shapes")? as usize);
    let input = Shape {
        channels: size()?,
        height: size()?,
        width: size()?,
    };
    let outputs = size()?;
    let mut frame = Frame::default();
    if reader.bit().ok_or(truncated("the frame"))? == 1 {
        frame.marked = reader.bit().ok_or(truncated("the frame"))? == 1;
        for pad in &mut frame.pads {
            *pad = number(reader, "the frame")? as usize;
        }
    }
    let head = match reader.take(HEAD_BITS).ok_or(truncated("the head"))? {
        0 => Head::Logits,
        1 => Head::Softmax,
        2 => Head::Sigmoid,
        3 => Head::LogSoftmax,
        got => return Err(ImageError::value("head", got, "0 to 3")),
    };
    let scale = reader.take_bytes(4).ok_or(truncated("the logit scale"))?;
    Ok(Image {
        name: String::new(),
        num_pes: num_pes.into(),
        act_bits: act_bits.into(),
        input,
        frame,
        input_map: None,
        maps: Vec::new(),
        passes: Vec::new(),
        runs: Vec::new(),
        outputs,
        head,
        logit_scale: f32::from_bits(word(&scale, 0)),
        labels: Vec::new(),
        provenance: BTreeMap::new(),
    })
}

/// Reads the maps and the runs, and gives the number of passes.
fn read_runs(reader: &mut Reader<'_>, image: &mut Image) -> Result<usize, ImageError> {
    let size = |reader: &mut Reader<'_>| Ok::<_, ImageError>(number(reader, "the runs")? as usize);
    let passes = size(reader)?;
    check::passes(passes)?;
    let framed = image.frame.around(image.input);
    let positions = size(reader)?;
    let usual = reader.bit().ok_or(truncated("the runs"))? == 1;
    // The words of the first map follow from the input map, which comes later.
    image.maps.push(MapSize {
        positions,
        words: framed
            .len()
            .checked_div(positions)
            .unwrap_or(0)
            .div_ceil(image.num_pes),
    });
    if usual {
        // What is read and written follows from the passes.
        image.runs.push(Run {
            passes,
            entry_base: short(size(reader)?, "entry address")?,
            ..Run::default()
        });
        return Ok(passes);
    }
    let (runs, maps) = (size(reader)?, size(reader)?);
    check::at_most("number of runs", runs, passes)?;
    check::at_most("number of maps", maps, check::MOST_PASSES)?;
    for _ in 1..maps {
        let (positions, words) = (size(reader)?, size(reader)?);
        image.maps.push(MapSize { positions, words });
    }
    for _ in 0..runs {
        let passes = size(reader)?;
        let entry_base = short(size(reader)?, "entry address")?;
        let first = short(size(reader)?, "first descriptor")?;
        let table_base = short(size(reader)?, "first table word")?;
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            let count = size(reader)?;
            check::at_most("number of transfers", count, check::MOST_PASSES)?;
            for _ in 0..count {
                list.push(Transfer {
                    map: size(reader)?,
                    position: size(reader)?,
                    positions: size(reader)?,
                    word: size(reader)?,
                    words: size(reader)?,
                    address: short(size(reader)?, "address of a transfer")?,
                });
            }
        }
        let [writes, reads] = lists;
        image.runs.push(Run {
            passes,
            entry_base,
            first,
            table_base,
            writes,
            reads,
        });
    }
    let sum = image
        .runs
        .iter()
        .map(|run| run.passes)
        .try_fold(0usize, usize::checked_add);
    check::equal("passes of all runs", sum.unwrap_or(usize::MAX), passes)?;
    Ok(passes)
}

fn short(value: usize, what: &'static str) -> Result<u16, ImageError> {
    u16::try_from(value).map_err(|_| ImageError::value(what, value, "at most 65535"))
}

fn number(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, ImageError> {
    reader.take_varint().ok_or(truncated(what))
}

fn text(reader: &mut Reader<'_>, what: &'static str) -> Result<String, ImageError> {
    let length = number(reader, what)? as usize;
    let bytes = reader.take_bytes(length).ok_or(truncated(what))?;
    String::from_utf8(bytes).map_err(|_| ImageError::Text { what })
}

fn read_pass(
    reader: &mut Reader<'_>,
    image: &Image,
    context: &Context,
    owner: Option<usize>,
    next: &mut [usize],
) -> Result<Pass, ImageError> {
    let parameters = number(reader, "the number of parameters")?;
    let mut reuse = 0;
    if reader.bit().ok_or(truncated("a pass descriptor"))? == 1 {
        reuse = number(reader, "a pass descriptor")? as usize;
    }
    let (descriptor, geometry, marks) = read_descriptor(reader, context, image.num_pes)?;
    let mut pass = Pass {
        descriptor,
        geometry,
        reuse,
        begins_layer: marks.begins_layer,
        filters: None,
        parameters,
        tables: Default::default(),
        codebook: Vec::new(),
        pes: vec![PeData::default(); image.num_pes],
    };
    check::descriptor(image, &pass)?;
    if reuse > 0 {
        for (data, next) in pass.pes.iter_mut().zip(next.iter()) {
            data.entry_address = short(*next, "entry address")?;
        }
        return Ok(pass);
    }
    let before = owner.map(|owner| &image.passes[owner]);
    for table in Table::ALL {
        let before = before.map(|pass| pass.table(table));
        pass.tables[table as usize] = read_table(reader, table, before)?;
    }
    let codes = reader.take(SIZE_BITS).ok_or(truncated("the codebook"))?;
    if descriptor.hashed {
        let first = read_numbers(reader, codes as usize / 2).ok_or(truncated("the codebook"))?;
        let pair = |weight: i16| [weight, weight.wrapping_neg()];
        pass.codebook = first.into_iter().flat_map(pair).collect();
    } else if codes > 0 {
        let lengths = pass.tables[Table::Code as usize].lengths();
        pass.codebook =
            read_codebook(reader, codes as usize, lengths).ok_or(truncated("the codebook"))?;
    }
    if !descriptor.keep {
        let rows = usize::from(descriptor.rows);
        let biases = read_numbers(reader, rows * image.num_pes).ok_or(truncated("the biases"))?;
        for (pe, biases) in pass.pes.iter_mut().zip(biases.chunks(rows.max(1))) {
            pe.biases = biases.to_vec();
        }
    }
    let decoders = check::decoders(&pass.tables);
    if marks.repeats {
        return with_filters(reader, pass, &decoders[Table::Code as usize], next);
    }
    for (pe, next) in next.iter_mut().enumerate() {
        pass.pes[pe].entry_address = u16::try_from(*next)
            .map_err(|_| ImageError::value("entry address", *next as i64, "at most 65535"))?;
        let start = reader.clone();
        let decoded = stream::decode_from(reader, &decoders, pass.limits(pe))
            .map_err(|source| ImageError::Stream { pe, source })?;
        let data = &mut pass.pes[pe];
        data.bits = reader.position() - start.position();
        data.stream = copy_bits(start, data.bits);
        data.entries = decoded.entries();
        *next += data.entries;
    }
    Ok(pass)
}

/// The pass with the filters of its channels, and the streams that follow from them.
fn with_filters(
    reader: &mut Reader<'_>,
    mut pass: Pass,
    code: &Decoder,
    next: &mut [usize],
) -> Result<Pass, ImageError> {
    let wrong = |got: usize| ImageError::value("filters", got, "those of a depthwise pass");
    let count = number(reader, "the filters")? as usize;
    let taps = pass.segments();
    if count > usize::from(pass.descriptor.rows) * pass.pes.len() {
        return Err(wrong(count));
    }
    let mut filters = Filters {
        count,
        codes: Vec::new(),
    };
    for _ in 0..count * taps {
        let end = || truncated("the filters");
        let weight = match reader.bit().ok_or_else(end)? {
            0 => None,
            _ => Some(code.read(reader).ok_or_else(end)?),
        };
        filters.codes.push(weight);
    }
    let columns = filters.columns(&pass).ok_or_else(|| wrong(count))?;
    let words = pass.tables.each_ref().map(CodeLengths::words);
    let known = |(table, symbol): (Table, u8)| {
        let word = words[table as usize].get(usize::from(symbol));
        word.is_some_and(Option::is_some)
    };
    for ((data, columns), next) in pass.pes.iter_mut().zip(&columns).zip(next) {
        if !stream::symbols(columns).all(known) {
            return Err(wrong(count));
        }
        data.entry_address = short(*next, "entry address")?;
        (data.stream, data.bits) = stream::encode(columns, &pass.tables);
        data.entries = columns.iter().map(Vec::len).sum();
        *next += data.entries;
    }
    pass.filters = Some(filters);
    Ok(pass)
}

/// The descriptor without the addresses of its geometry tables, which follow from all passes of the
/// run.
fn read_descriptor(
    reader: &mut Reader<'_>,
    context: &Context,
    num_pes: usize,
) -> Result<(PassDescriptor, Option<Geometry>, predict::Marks), ImageError> {
    const END: ImageError = ImageError::Truncated {
        what: "a pass descriptor",
    };
    let mut mask = reader.take(FIELDS).ok_or(END)? << (32 - FIELDS);
    let (mut descriptor, mut marks) = (PassDescriptor::default(), predict::Marks::default());
    predict::fields(&mut descriptor, &mut marks, context, |predicted, _| {
        let stored = mask >> 31 == 1;
        mask <<= 1;
        let value = if stored {
            number(reader, "a pass descriptor")? as usize
        } else {
            predicted
        };
        short(value, "descriptor field")
    })?;
    let mut differs = |predicted, _| match reader.bit().ok_or(END)? {
        0 => Ok(predicted),
        _ => Ok(number(reader, "a pass descriptor")? as usize),
    };
    if descriptor.hashed {
        predict::hashed(&mut descriptor, context, &mut differs)?;
    }
    let mut geometry = None;
    if descriptor.map {
        let mut g = Geometry::blank();
        predict::geometry(&mut g, context, &mut differs)?;
        super::geometry::check(&g)?;
        g.describe(&mut descriptor, num_pes);
        geometry = Some(g);
    } else {
        descriptor.accs = descriptor.rows;
    }
    Ok((descriptor, geometry, marks))
}

fn read_table(
    reader: &mut Reader<'_>,
    table: Table,
    before: Option<&CodeLengths>,
) -> Result<CodeLengths, ImageError> {
    let end = truncated("a code table");
    if let Some(before) = before
        && reader.bit().ok_or(end.clone())? == 1
    {
        return Ok(before.clone());
    }
    let symbols = reader.take(SIZE_BITS).ok_or(end.clone())? as usize;
    let mut lengths = Vec::new();
    if reader.bit().ok_or(end.clone())? == 1 {
        for length in 1..=MAX_CODE_LENGTH {
            if lengths.len() >= symbols {
                break;
            }
            let count = reader.take_gamma().ok_or(end.clone())? as usize - 1;
            if count > symbols - lengths.len() {
                return Err(ImageError::value(
                    "symbols of one length",
                    count,
                    "at most those of the table",
                ));
            }
            lengths.resize(lengths.len() + count, length as u8);
        }
        if lengths.len() < symbols {
            return Err(ImageError::value(
                "symbols of all lengths",
                lengths.len(),
                "those of the table",
            ));
        }
    }
    let mut before = FIRST_LENGTH;
    while lengths.len() < symbols {
        let mut gamma = || reader.take_gamma().ok_or(end.clone());
        let number = gamma()?;
        if number == NO_WORD {
            let zeros = gamma()? as usize;
            if zeros > symbols - lengths.len() {
                return Err(ImageError::value(
                    "symbols without a code word",
                    zeros,
                    "at most those of the table",
                ));
            }
            lengths.resize(lengths.len() + zeros, 0);
            continue;
        }
        before = length_of(number, before).ok_or(ImageError::value(
            "difference of code lengths",
            number,
            "one that gives a length of 1 to 15",
        ))?;
        lengths.push(before);
    }
    CodeLengths::new(lengths).map_err(|source| ImageError::Code { table, source })
}

/// The length behind `before` that `number` stands for.
fn length_of(number: u32, before: u8) -> Option<u8> {
    let number = number - u32::from(number > NO_WORD);
    let difference = match number.is_multiple_of(2) {
        true => i64::from(number / 2),
        false => -i64::from(number / 2),
    };
    let length = u8::try_from(i64::from(before) + difference).ok()?;
    (1..=MAX_CODE_LENGTH)
        .contains(&length.into())
        .then_some(length)
}

fn read_numbers(reader: &mut Reader<'_>, count: usize) -> Option<Vec<i16>> {
    let (shift, width) = (reader.take(SHIFT_BITS)?, reader.take(WIDTH_BITS)?);
    (0..count)
        .map(|_| read_number(reader, shift, width))
        .collect()
}

fn read_number(reader: &mut Reader<'_>, shift: u32, width: u32) -> Option<i16> {
    // Moved to the top and back down, so that the sign fills the bits above.
    let value = reader.take(width)?.checked_shl(32 - width).unwrap_or(0) as i32;
    let value = value.checked_shr(32 - width).unwrap_or(0);
    Some((value << shift) as i16)
}

fn read_codebook(reader: &mut Reader<'_>, count: usize, lengths: &[u8]) -> Option<Vec<i16>> {
    let (shift, width) = (reader.take(SHIFT_BITS)?, reader.take(WIDTH_BITS)?);
    let rising = reader.bit()? == 1;
    let low = if rising { reader.take(LOW_BITS)? } else { 0 };
    let mut codebook: Vec<i16> = Vec::new();
    for code in 0..count {
        let weight = match codebook.last() {
            Some(&before) if rising && follows(lengths, code) => {
                let gap = u64::from(reader.take_rice(low)?) + 1;
                i16::try_from(i64::from(before) + (gap << shift) as i64).ok()?
            }
            _ => read_number(reader, shift, width)?,
        };
        codebook.push(weight);
    }
    Some(codebook)
}

fn copy_bits(mut reader: Reader<'_>, bits: usize) -> Vec<u8> {
    let mut out = BitWriter::default();
    while out.len() < bits {
        let width = (bits - out.len()).min(32) as u32;
        out.put(reader.take(width).unwrap_or(0), width);
    }
    out.into_bytes()
}
