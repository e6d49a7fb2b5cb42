//! What the machine and the processes on it cost: disk, processor, memory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use it::Result;

const SYNCS: usize = 300;
const BLOCK: [u8; 8192] = [7; 8192];
/// `USER_HZ`, which Linux fixes at 100 for `/proc`.
const TICKS_A_SECOND: f64 = 100.0;

/// The median time of an `fdatasync` after appending 8 kB.
#[expect(clippy::disallowed_methods, reason = "the bench measures the disk")]
pub(crate) fn fdatasync_median(folder: &Path) -> Result<Duration> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(folder.join("fdatasync"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&BLOCK)?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[SYNCS / 2])
}

/// The type of the file system below a folder, such as `ext4`.
fn file_system(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let holding = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(point).then_some((point.len(), kind))
    });
    let (_, kind) = holding.max_by_key(|(length, _)| *length).ok_or("no mount holds this folder")?;
    Ok(kind.to_owned())
}

/// The same, refused where a file system has no disk below it: there every sync is free.
pub(crate) fn disk(folder: &Path) -> Result<String> {
    let kind = file_system(folder)?;
    if matches!(kind.as_str(), "tmpfs" | "ramfs") {
        return Err(format!("{} is {kind}, not a disk: choose another --dir", folder.display()).into());
    }
    Ok(kind)
}

/// Processor, cores, memory and kernel on one line.
pub(crate) fn description() -> String {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processor = first("/proc/cpuinfo", "model name");
    format!("{processor}, {cores} cores, {}, Linux {}", first("/proc/meminfo", "MemTotal"), kernel.trim())
}

/// Processor seconds of a process, all its threads together, since it began.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything, so count from behind it: user time is the 12th field there.
    let fields = stat.rsplit_once(')').ok_or("no name in /proc/…/stat")?.1;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<std::result::Result<f64, _>>()?;
    Ok(ticks / TICKS_A_SECOND)
}

/// Processor seconds of a process and its living children, such as a PostgreSQL cluster.
pub(crate) fn cpu_seconds_of_family(pid: u32) -> Result<f64> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let mut sum = cpu_seconds(pid)?;
    for child in children.split_whitespace() {
        // A session may end between the two looks.
        sum += cpu_seconds(child.parse()?).unwrap_or(0.0);
    }
    Ok(sum)
}

/// From now on the highest memory of a process is that since now.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// Resident memory in MB (10^6 bytes): now, and at its highest.
pub(crate) fn memory_mb(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line =
            status.lines().find(|line| line.starts_with(name)).ok_or("no such field in /proc/…/status")?;
        let kibibytes: f64 = line.split_whitespace().nth(1).ok_or("a field without a value")?.parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
