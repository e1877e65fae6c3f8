package dev.cocovisor.live.agent;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The agent as a file that Linux starts: one segment of code at a fixed address. */
final class AgentFile {
  /** Where the code is loaded: below 2^37, so that every user address space has it. */
  static final long CODE = 0x1c_0c00_0000L;

  private static final int ELF_HEADER = 64;
  private static final int PROGRAM_HEADER = 56;
  private static final int HEADERS = ELF_HEADER + 2 * PROGRAM_HEADER;
  private static final int PT_LOAD = 1;
  private static final int PT_GNU_STACK = 0x6474e551;

  private final Listing listing;
  private final byte[] file;

  AgentFile(AgentArch processor) {
    listing = Listing.of(AgentFile.class, processor.listing() + ".listing");
    file = elf(processor.elfMachine(), listing.code());
  }

  /** Returns the file. */
  byte[] file() {
    return file.clone();
  }

  /** Returns the address of a label. */
  long address(String label) {
    return CODE + HEADERS + listing.at(label);
  }

  private static byte[] elf(int machine, byte[] code) {
    ByteBuffer b = ByteBuffer.allocate(HEADERS + code.length).order(ByteOrder.LITTLE_ENDIAN);
    // ELF, 64 bits, little-endian, version 1; an executable.
    b.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
    b.putShort((short) 2).putShort((short) machine).putInt(1);
    b.putLong(CODE + HEADERS).putLong(ELF_HEADER).putLong(0).putInt(0);
    b.putShort((short) ELF_HEADER).putShort((short) PROGRAM_HEADER).putShort((short) 2);
    b.putShort((short) 0).putShort((short) 0).putShort((short) 0);
    segment(b, PT_LOAD, 5, CODE, HEADERS + code.length, 0x1000);
    segment(b, PT_GNU_STACK, 6, 0, 0, 16);
    return b.put(code).array();
  }

  private static void segment(ByteBuffer b, int type, int flags, long at, long size, long align) {
    b.putInt(type).putInt(flags).putLong(0).putLong(at).putLong(at);
    b.putLong(size).putLong(size).putLong(align);
  }
}
