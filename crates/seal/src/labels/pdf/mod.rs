//! Sheets of labels as PDF 1.7 (ISO 32000-1), written piece by piece.
//!
//! The file is the head, nodes of the page tree, pages, the cross-reference table, the trailer.
//! All nodes are of one length, all pages, and all labels, but for the last node and the last page, which may have less
//! on them; so the place of every object is arithmetic. What differs in length is filled up with spaces.

mod label;

use std::fmt::Write as _;

use super::run::Run;
use super::sheet::Sheet;
use super::{Pieces, Unfit, in_memory};
use label::{Labels, measure};

/// Pages of a node of the page tree. With as many nodes below the root there is room for 262 144 pages.
const NODE_PAGES: u64 = 512;
/// Numbers of objects. The nodes are followed by each page and its content.
const CATALOG: u64 = 1;
const INFO: u64 = 2;
const FONT: u64 = 3;
const ROOT: u64 = 4;
const NODES: u64 = 5;
/// Bytes of what is filled up: enough for object numbers of seven digits.
const NODE_HEAD_LENGTH: u64 = 64;
const KID_LENGTH: u64 = 12;
const PAGE_OBJECT_LENGTH: u64 = 80;
const CONTENT_OBJECT_LENGTH: u64 = 40;
const STREAM: &str = "stream\n";
const PAGE_TAIL: &str = "\nendstream endobj\n";
const NODE_TAIL: &str = "]>>endobj\n";
const XREF_ENTRY_LENGTH: u64 = 20;
/// The table has ten digits for an offset.
const OFFSET_MAX: u64 = 9_999_999_999;

pub(super) struct Pdf {
    labels: Labels,
    head: Vec<u8>,
    /// Where the objects of the head begin.
    head_offsets: Vec<u64>,
    nodes: Series,
    pages: Series,
    /// With the entry of object 0, which is free.
    xref_head: String,
    trailer: String,
}

/// Pieces of one length, but for the last one.
struct Series {
    count: u64,
    start: u64,
    each: u64,
    last: u64,
}

impl Series {
    fn start_of(&self, index: u64) -> u64 {
        self.start + index * self.each
    }

    fn end(&self) -> u64 {
        self.start_of(self.count - 1) + self.last
    }

    fn find(&self, offset: u64) -> u64 {
        (offset - self.start) / self.each
    }
}

impl Pdf {
    pub(super) fn new(run: Run, sheet: Sheet) -> Result<Self, Unfit> {
        let quantity = run.quantity;
        let labels = Labels::new(run, sheet)?;
        let page_labels = labels.page_labels();
        let page_count = quantity.div_ceil(page_labels);
        let node_count = page_count.div_ceil(NODE_PAGES);
        let (head, head_offsets) = head(&labels, node_count, page_count);
        let nodes = Series {
            count: node_count,
            start: head.len() as u64,
            each: node_length(NODE_PAGES),
            last: node_length(page_count - (node_count - 1) * NODE_PAGES),
        };
        let pages = Series {
            count: page_count,
            start: nodes.end(),
            each: page_length(&labels, page_labels),
            last: page_length(&labels, quantity - (page_count - 1) * page_labels),
        };
        if pages.end() > OFFSET_MAX {
            return Err(Unfit::TooLarge);
        }
        let objects = NODES + node_count + 2 * page_count;
        let xref = pages.end();
        let xref_head = format!("xref\n0 {objects}\n0000000000 65535 f \n");
        let trailer = format!(
            "trailer\n<</Size {objects}/Root {CATALOG} 0 R/Info {INFO} 0 R>>\nstartxref\n{xref}\n%%EOF\n"
        );
        Ok(Self { labels, head, head_offsets, nodes, pages, xref_head, trailer })
    }

    /// The number of a page; its content has the next one.
    fn page_object(&self, page: u64) -> u64 {
        NODES + self.nodes.count + 2 * page
    }

    fn object_offset(&self, number: u64) -> u64 {
        let first_page = self.page_object(0);
        if number < NODES {
            return self.head_offsets[in_memory(number - CATALOG)];
        }
        if number < first_page {
            return self.nodes.start_of(number - NODES);
        }
        let is_content = (number - first_page) % 2;
        self.pages.start_of((number - first_page) / 2) + is_content * PAGE_OBJECT_LENGTH
    }

    fn write_node(&self, node: u64, out: &mut Vec<u8>) {
        let first = node * NODE_PAGES;
        let kids = NODE_PAGES.min(self.pages.count - first);
        let object = NODES + node;
        let head = format!("{object} 0 obj<</Type/Pages/Parent {ROOT} 0 R/Count {kids}/Kids[");
        write_filled(&head, NODE_HEAD_LENGTH, out);
        for page in first..first + kids {
            write_filled(&format!("{} 0 R", self.page_object(page)), KID_LENGTH, out);
        }
        out.extend_from_slice(NODE_TAIL.as_bytes());
    }

    /// The piece of a page that has the byte at `within` the page, and where in the page it begins.
    fn write_of_page(&self, page: u64, within: u64, out: &mut Vec<u8>) -> u64 {
        let (each, count) = (self.labels.length(), self.labels.on_page(page));
        let head_length = page_head_length(&self.labels);
        if within < head_length {
            self.write_page_head(page, count, out);
            return 0;
        }
        let nth = ((within - head_length) / each).min(count);
        if nth < count {
            self.labels.write(page, nth, out);
        } else {
            out.extend_from_slice(PAGE_TAIL.as_bytes());
        }
        head_length + nth * each
    }

    fn write_page_head(&self, page: u64, labels: u64, out: &mut Vec<u8>) {
        let (object, node) = (self.page_object(page), NODES + page / NODE_PAGES);
        let content = object + 1;
        let opening = self.labels.opening();
        let length = opening.len() as u64 + labels * self.labels.length();
        let page = format!("{object} 0 obj<</Type/Page/Parent {node} 0 R/Contents {content} 0 R>>endobj");
        write_filled(&page, PAGE_OBJECT_LENGTH, out);
        write_filled(&format!("{content} 0 obj<</Length {length}>>"), CONTENT_OBJECT_LENGTH, out);
        out.extend_from_slice(STREAM.as_bytes());
        out.extend_from_slice(opening.as_bytes());
    }

    /// The piece of the cross-reference table and the trailer that has the byte at `within`, and where it begins.
    fn write_of_end(&self, within: u64, out: &mut Vec<u8>) -> u64 {
        let head_length = self.xref_head.len() as u64;
        let Some(within) = within.checked_sub(head_length) else {
            out.extend_from_slice(self.xref_head.as_bytes());
            return 0;
        };
        let number = CATALOG + within / XREF_ENTRY_LENGTH;
        let last = self.page_object(self.pages.count) - 1;
        if number <= last {
            let entry = format!("{:010} 00000 n \n", self.object_offset(number));
            out.extend_from_slice(entry.as_bytes());
            return head_length + (number - CATALOG) * XREF_ENTRY_LENGTH;
        }
        out.extend_from_slice(self.trailer.as_bytes());
        head_length + last * XREF_ENTRY_LENGTH
    }
}

impl Pieces for Pdf {
    fn length(&self) -> u64 {
        let entries = self.page_object(self.pages.count) - CATALOG;
        let xref = self.xref_head.len() as u64 + entries * XREF_ENTRY_LENGTH;
        self.pages.end() + xref + self.trailer.len() as u64
    }

    fn write_piece(&self, offset: u64, out: &mut Vec<u8>) -> u64 {
        if offset < self.nodes.start {
            out.extend_from_slice(&self.head);
            return 0;
        }
        if offset < self.pages.start {
            let node = self.nodes.find(offset);
            self.write_node(node, out);
            return self.nodes.start_of(node);
        }
        let xref = self.pages.end();
        if offset < xref {
            let page = self.pages.find(offset);
            let start = self.pages.start_of(page);
            return start + self.write_of_page(page, offset - start, out);
        }
        xref + self.write_of_end(offset - xref, out)
    }
}

/// The objects that are there once, and where each begins.
fn head(labels: &Labels, node_count: u64, page_count: u64) -> (Vec<u8>, Vec<u64>) {
    let (first, last) = labels.serials();
    let (width, height) = labels.paper();
    let mut kids = String::new();
    for node in 0..node_count {
        write!(kids, " {} 0 R", NODES + node).expect("memory takes all that is written");
    }
    let objects = [
        format!(
            "<</Type/Catalog/Pages {ROOT} 0 R/ViewerPreferences<</DisplayDocTitle true/PrintScaling/None>>>>"
        ),
        format!("<</Title(Codes {first} to {last})/Producer(Attestry)>>"),
        "<</Type/Font/Subtype/Type1/BaseFont/Courier-Bold/Encoding/WinAnsiEncoding>>".to_owned(),
        format!(
            "<</Type/Pages/Count {page_count}/MediaBox[0 0 {} {}]\
             /Resources<</Font<</F {FONT} 0 R>>>>/Kids[{}]>>",
            measure(width),
            measure(height),
            kids.trim_start()
        ),
    ];
    // Bytes over 127 tell programs that copy files that this one is not text.
    let mut head = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (CATALOG..).zip(objects) {
        offsets.push(head.len() as u64);
        head.extend_from_slice(format!("{number} 0 obj{object}endobj\n").as_bytes());
    }
    (head, offsets)
}

fn node_length(kids: u64) -> u64 {
    NODE_HEAD_LENGTH + kids * KID_LENGTH + NODE_TAIL.len() as u64
}

fn page_length(labels: &Labels, count: u64) -> u64 {
    page_head_length(labels) + count * labels.length() + PAGE_TAIL.len() as u64
}

fn page_head_length(labels: &Labels) -> u64 {
    PAGE_OBJECT_LENGTH + CONTENT_OBJECT_LENGTH + (STREAM.len() + labels.opening().len()) as u64
}

/// Fills up a line with spaces.
fn write_filled(line: &str, length: u64, out: &mut Vec<u8>) {
    let end = out.len() + in_memory(length);
    out.extend_from_slice(line.as_bytes());
    assert!(out.len() < end, "a line has room for the longest numbers");
    out.resize(end - 1, b' ');
    out.push(b'\n');
}
