package dev.cocovisor.explore.library;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.explore.Trial;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What can be done to a VM while something else is done to it. */
public enum Operation {
  /** The guest writes a page that is not mapped. */
  FAULT(Trait.EITHER, Trait.MAPS) {
    @Override
    List<Trial.Call> calls(Meeting m) {
      // A guest that could not take its page does not write it.
      String[] taken = new String[1];
      return List.of(
          new Trial.Call("accept", () -> taken[0] = m.take(0)),
          new Trial.Call(
              "write", () -> Meeting.TAKEN.equals(taken[0]) ? m.write(0) : "not written"));
    }

    @Override
    String on(Meeting m) {
      return m.touch(0);
    }
  },
  /** KVM_PRE_FAULT_MEMORY of a page. */
  PREFAULT(Trait.EITHER, Trait.MAPS) {
    @Override
    String on(Meeting m) {
      return errno(m.prefault());
    }
  },
  /** The host makes a private page shared. */
  CONVERT_TO_SHARED(Trait.PRIVATE) {
    @Override
    String on(Meeting m) {
      return errno(m.convert(false));
    }
  },
  /** The host makes a shared page private. */
  CONVERT_TO_PRIVATE(Trait.PRIVATE, Trait.FROM_SHARED) {
    @Override
    String on(Meeting m) {
      return errno(m.convert(true));
    }
  },
  /** The host takes a private page's memory away. */
  PUNCH(Trait.PRIVATE) {
    @Override
    String on(Meeting m) {
      return errno(m.punch());
    }
  },
  /** The host allocates a private page beforehand. */
  ALLOCATE(Trait.PRIVATE, Trait.MEMFD) {
    @Override
    String on(Meeting m) {
      return errno(m.process().fallocate(m.memfd(), 1, Meeting.PAGE, PageLevel.PAGE_SIZE));
    }
  },
  /** A slot is made. */
  SLOT_CREATE {
    @Override
    String on(Meeting m) {
      return errno(m.createSlot());
    }
  },
  /** A slot is deleted. */
  SLOT_DELETE(Trait.EITHER) {
    @Override
    String on(Meeting m) {
      return errno(m.deleteSlot());
    }
  },
  /** A slot moves. */
  SLOT_MOVE(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      return errno(m.setPlainSlot(0, Meeting.PLAIN_MOVED, Meeting.PLAIN_SIZE));
    }
  },
  /** A slot becomes read-only. */
  SLOT_FLAGS(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      return errno(m.setPlainSlot(2, Meeting.PLAIN, Meeting.PLAIN_SIZE));
    }
  },
  /** Dirty logging is switched on. */
  DIRTY_LOG_ON(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      return errno(m.setPlainSlot(1, Meeting.PLAIN, Meeting.PLAIN_SIZE));
    }
  },
  /** The dirty log is read, which protects what it names again. */
  DIRTY_LOG_CLEAR(Trait.PLAIN, Trait.LOGGED) {
    @Override
    String on(Meeting m) {
      return errno(m.process().getDirtyLog(m.vmFd(), Meeting.PLAIN_SLOT, _ -> Errno.OK));
    }
  },
  /** The VMM maps other memory where a slot's lies. */
  MMAP(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      long at = m.process().mmap(m.plainUser(), Meeting.PLAIN_SIZE, 3, 0x32, -1, 0);
      return at > 0 ? "mapped" : errno(at);
    }
  },
  /** The VMM unmaps a slot's memory. */
  MUNMAP(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      return errno(m.process().munmap(m.plainUser(), Meeting.PLAIN_SIZE));
    }
  },
  /** The VMM gives a slot's memory back (MADV_DONTNEED). */
  MADVISE(Trait.PLAIN) {
    @Override
    String on(Meeting m) {
      return errno(m.process().madvise(m.plainUser(), Meeting.PLAIN_SIZE, 4));
    }
  },
  /** The VMM closes the private memory's descriptor. */
  CLOSE_MEMORY(Trait.PRIVATE, Trait.MEMFD) {
    @Override
    String on(Meeting m) {
      return errno(m.process().close(m.memfd()));
    }
  },
  /** The VMM closes the VM's descriptor. */
  CLOSE_VM {
    @Override
    String on(Meeting m) {
      return errno(m.process().close(m.vmFd()));
    }
  },
  /** The VMM closes a vCPU's descriptor. */
  CLOSE_VCPU {
    @Override
    String on(Meeting m) {
      return errno(m.process().close(m.vcpuFd(0)));
    }
  },
  /** A vCPU is made. */
  VCPU_CREATE {
    @Override
    String on(Meeting m) {
      long fd = m.process().createVcpu(m.vmFd(), 7);
      return fd > 0 ? "made" : errno(fd);
    }
  },
  /** Measured contents are put into the guest. */
  LAUNCH_UPDATE(Trait.PRIVATE, Trait.LAUNCH, Trait.MAPS) {
    @Override
    String on(Meeting m) {
      return errno(m.populate(true));
    }
  },
  /** The launch ends. */
  LAUNCH_FINISH(Trait.LAUNCH) {
    @Override
    String on(Meeting m) {
      return errno(m.finish());
    }
  },
  /** Contents that are not measured are put into the guest. */
  POPULATE(Trait.PRIVATE, Trait.LAUNCH, Trait.MAPS) {
    @Override
    String on(Meeting m) {
      return errno(m.populate(false));
    }
  },
  /** The guest takes a private page into use. */
  ACCEPT(Trait.PRIVATE, Trait.MAPS) {
    @Override
    String on(Meeting m) {
      return m.take(1);
    }
  },
  /** The VMM closes everything. */
  TEARDOWN {
    @Override
    String on(Meeting m) {
      return errno(m.guest().close());
    }
  },
  /** The VMM boots the guest again. */
  REBOOT {
    @Override
    String on(Meeting m) {
      return errno(m.guest().reboot());
    }
  };

  /** What an operation needs, or is about. */
  enum Trait {
    /** It is about private memory or the plain slot, whichever the other is about. */
    EITHER,
    /** It is about the private page. */
    PRIVATE,
    /** It is about the plain slot. */
    PLAIN,
    /** It needs a guest_memfd. */
    MEMFD,
    /** It maps the page, which is not mapped before. */
    MAPS,
    /** The page is shared before. */
    FROM_SHARED,
    /** The plain slot is logged before, with its page written. */
    LOGGED,
    /** The guest is still launched. */
    LAUNCH
  }

  private final Set<Trait> traits;
  private final String text;

  Operation(Trait... traits) {
    this.traits = Set.of(traits);
    this.text = name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
  }

  /**
   * Returns the operation of a name, as {@link #text()} gives it.
   *
   * @throws IllegalArgumentException if there is none; the text names the one that was meant
   */
  public static Operation of(String text) {
    var names = new TreeSet<String>();
    for (Operation o : values()) {
      if (o.text().equals(text)) {
        return o;
      }
      names.add(o.text());
    }
    throw new IllegalArgumentException(Nearest.refusal("operation", text, names));
  }

  boolean is(Trait t) {
    return traits.contains(t);
  }

  /** Returns the calls it consists of, between which others may come. */
  List<Trial.Call> calls(Meeting m) {
    return List.of(new Trial.Call(text(), () -> on(m)));
  }

  /** Does it; returns the answer. */
  abstract String on(Meeting m);

  private static String errno(long ret) {
    return ret >= 0 ? "0" : Errno.of((int) -ret).toString();
  }

  /** Returns the name as a reader says it: {@code slot move}. */
  public String text() {
    return text;
  }

  /**
   * Returns the operation of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Operation named(String text) {
    for (Operation o : values()) {
      if (o.text().equals(text)) {
        return o;
      }
    }
    throw new IllegalArgumentException(
        Nearest.refusal("operation", text, Arrays.stream(values()).map(Operation::text).toList()));
  }
}
