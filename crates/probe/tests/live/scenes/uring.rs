//! Requests of `io_uring`.

use super::{c, call};

/// Opens, writes and removes a file by requests of `io_uring`.
pub(super) fn uring(directory: &str) {
    const SUBMISSIONS: i64 = 0;
    const ENTRIES: i64 = 0x1000_0000;
    let mut parameters = [0_u32; 30];
    let ring = call(
        libc::SYS_io_uring_setup,
        [4, parameters.as_mut_ptr() as i64, 0, 0],
    );
    if ring < 0 {
        println!("refused");
        return;
    }
    let map = |length: usize, offset: i64| -> *mut u8 {
        // SAFETY: a mapping of the ring, as its interface says.
        unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                ring as i32,
                offset,
            )
            .cast()
        }
    };
    // Submissions and completions share a mapping: their offsets stand at 10 and 20 of the parameters.
    let rings = map(4096, SUBMISSIONS);
    let entries = map(4096, ENTRIES);
    let (tail, array) = (parameters[11] as usize, parameters[16] as usize);
    let (done_head, done_tail) = (parameters[20] as usize, parameters[21] as usize);
    let done = parameters[25] as usize;
    let mut count = 0_u32;
    let mut request =
        |opcode: u8, fd: i32, address: i64, length: u32, flags: u32, offset: u64| -> i32 {
            let slot = count & 3;
            // SAFETY: within the mappings; nobody else uses them, since the kernel acts within the call.
            unsafe {
                let entry = entries.add(slot as usize * 64);
                entry.write_bytes(0, 64);
                entry.write(opcode);
                entry.add(4).cast::<i32>().write(fd);
                entry.add(8).cast::<u64>().write(offset);
                entry.add(16).cast::<i64>().write(address);
                entry.add(24).cast::<u32>().write(length);
                entry.add(28).cast::<u32>().write(flags);
                rings
                    .add(array + 4 * slot as usize)
                    .cast::<u32>()
                    .write(slot);
                count += 1;
                rings.add(tail).cast::<u32>().write_volatile(count);
            }
            // SAFETY: numbers only.
            let entered = unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 1, 1, 1, 0, 0) };
            assert_eq!(entered, 1);
            // SAFETY: as above; the completion is there.
            unsafe {
                let last = rings.add(done_tail).cast::<u32>().read_volatile() - 1;
                let entry = rings.add(done + 16 * (last as usize & 7));
                let result = entry.add(8).cast::<i32>().read();
                rings.add(done_head).cast::<u32>().write_volatile(last + 1);
                result
            }
        };
    let path = c(&format!("{directory}/by-ring"));
    let flags = (libc::O_CREAT | libc::O_WRONLY) as u32;
    let fd = request(18, libc::AT_FDCWD, path.as_ptr() as i64, 0o600, flags, 0);
    assert!(fd >= 0, "open: {fd}");
    println!("opened {fd}");
    let data = b"twelve bytes";
    for _ in 0..3 {
        let written = request(23, fd, data.as_ptr() as i64, 12, 0, u64::MAX);
        assert_eq!(written, 12);
    }
    assert_eq!(request(19, fd, 0, 0, 0, 0), 0);
    let removed = request(36, libc::AT_FDCWD, path.as_ptr() as i64, 0, 0, 0);
    assert_eq!(removed, 0, "unlink");
}
