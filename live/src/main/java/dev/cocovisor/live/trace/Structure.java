package dev.cocovisor.live.trace;

import dev.cocovisor.script.text.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The layout of a structure that a call takes.
 *
 * @param name the call's or command's name
 * @param members what it holds, in the order they are printed
 * @param back the members that the kernel writes back; empty if none
 */
record Structure(String name, List<Member> members, List<Member> back) {
  /**
   * A number in a structure.
   *
   * @param name the kernel's name
   * @param offset in bytes
   * @param size 1, 2, 4 or 8
   * @param signed whether it may be negative
   */
  record Member(String name, int offset, int size, boolean signed) {
    /** Returns the number as the kernel reads it. */
    long in(byte[] bytes) {
      ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      return switch (size) {
        case 1 -> b.get(offset) & 0xff;
        case 2 -> b.getShort(offset) & 0xffff;
        case 4 -> signed ? b.getInt(offset) : b.getInt(offset) & 0xffffffffL;
        default -> b.getLong(offset);
      };
    }
  }

  /** Returns how many bytes hold all members. */
  int size() {
    int size = 0;
    for (Member m : members) {
      size = Math.max(size, m.offset() + m.size());
    }
    for (Member m : back) {
      size = Math.max(size, m.offset() + m.size());
    }
    return size;
  }

  /** Returns the structure in the notation of logs. */
  Value.Struct value(byte[] bytes) {
    return value(members, bytes);
  }

  /** Returns what was written back in the notation of logs. */
  Value.Struct written(byte[] bytes) {
    return value(back, bytes);
  }

  private static Value.Struct value(List<Member> members, byte[] bytes) {
    var fields = new ArrayList<Value.Field>();
    for (Member m : members) {
      long n = m.in(bytes);
      fields.add(Value.Field.of(m.name(), m.signed() ? Value.Num.of(n) : Value.Num.hex(n)));
    }
    return new Value.Struct(List.copyOf(fields));
  }
}
