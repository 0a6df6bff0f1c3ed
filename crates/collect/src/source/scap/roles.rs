//! What each event code means to the translation.

use sysflow_scap::Code;

/// The number of codes that have a role; newer ones only tell that time has passed.
const CODES: usize = 454;

/// What is done with events of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// No thread did it.
    Tick,
    /// It tells of a container, a user, a group or a loss.
    Meta,
    /// A thread ended. There is no end event to it.
    Exit,
    /// An operation with an effect on what is kept, or that others want to know of.
    Full,
    /// Any other operation of a thread.
    Other,
}

impl Role {
    #[inline]
    pub(super) fn of(code: Code) -> Self {
        ROLES
            .get(usize::from(code.0))
            .copied()
            .unwrap_or(Self::Tick)
    }

    /// The role of a code: numbers are those of the format, the even one of each pair standing for both.
    const fn of_number(number: u16) -> Self {
        match number {
            16 | 186 => Self::Exit,
            148 | 149 | 228 | 272 | 324 | 354 | 356 | 358 | 360 => Self::Meta,
            // Scheduling, statistics, hotplug, faults, plugins and what walks the kernel's tables.
            146
            | 147
            | 152
            | 153
            | 196
            | 197
            | 234
            | 235
            | 244
            | 245
            | 260
            | 261
            | 268..=271
            | 280
            | 281
            | 286
            | 287
            | 290
            | 291
            | 322
            | 323
            | 402
            | 403
            | 430..=449 => Self::Tick,
            _ => Self::of_pair(number & !1),
        }
    }

    const fn of_pair(enter: u16) -> Self {
        match enter {
            // Files and descriptors.
            2 | 4 | 6 | 8 | 58 | 60 | 62 | 86 | 90 | 102 | 112..=126 | 136 | 138 | 150 | 160 | 162 | 166
            | 170 | 188 | 242 | 306 | 320 | 326 | 332 | 336 | 338 | 340 | 342 | 362 | 364 | 366 | 374
            | 376 | 392 | 394 | 396 | 398 | 404 | 406 | 408 | 450
            // Sockets.
            | 18..=36 | 42..=56 | 246 | 248 | 388
            // Names in the file system.
            | 66 | 68 | 98 | 100 | 104 | 106 | 108 | 110 | 174 | 176 | 178 | 180 | 256 | 258 | 264
            | 276 | 278 | 300 | 302 | 304 | 308 | 310 | 312 | 314 | 316 | 318 | 378..=386 | 390 | 414
            | 416 | 418
            // Processes and identity.
            | 12 | 14 | 92 | 94 | 96 | 128 | 130 | 132 | 154 | 156 | 168 | 172 | 182 | 184 | 192 | 194
            | 198 | 200 | 214..=230 | 240 | 266 | 274 | 282 | 284 | 288 | 292 | 294 | 296 | 330 | 334
            | 352 | 368 | 400 | 410 | 412 | 420 | 422 | 424 | 426 | 428 => Self::Full,
            _ => Self::Other,
        }
    }
}

static ROLES: [Role; CODES] = roles();

const fn roles() -> [Role; CODES] {
    let mut roles = [Role::Other; CODES];
    let mut number = 0;
    while number < CODES {
        roles[number] = Role::of_number(number as u16);
        number += 1;
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_one_role_and_every_code_has_one() {
        assert_eq!(sysflow_scap::events().len(), CODES);
        for info in sysflow_scap::events() {
            let role = Role::of(info.code);
            if info.is_used() && (role == Role::Full || role == Role::Other) {
                assert_eq!(role, Role::of(info.code.enter()), "{}", info.label);
                assert_eq!(role, Role::of(info.code.exit()), "{}", info.label);
            }
        }
        assert_eq!(Role::of(Code::SYSCALL_OPENAT_2_X), Role::Full);
        assert_eq!(Role::of(Code::PROCINFO_E), Role::Tick);
        assert_eq!(Role::of(Code(60_000)), Role::Tick);
    }
}
