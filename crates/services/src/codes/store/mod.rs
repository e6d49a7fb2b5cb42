pub(super) mod batch;
pub(super) mod epoch;
pub(super) mod look;
pub(super) mod product;
pub(super) mod scan;
pub(super) mod status;

pub(super) fn statements() -> Vec<&'static str> {
    [
        product::STATEMENTS,
        batch::STATEMENTS,
        epoch::STATEMENTS,
        status::STATEMENTS,
        scan::STATEMENTS,
        look::STATEMENTS,
    ]
    .concat()
}
