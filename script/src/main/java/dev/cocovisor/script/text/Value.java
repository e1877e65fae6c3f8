package dev.cocovisor.script.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One value of a call line, as written.
 *
 * <p>Values keep what a reader would miss if it changed (hex or decimal, symbol or number), so that
 * a line that was read can be written again; they know nothing of what a symbol means.
 */
public sealed interface Value {
  /**
   * A number.
   *
   * @param value the 64 bits; an unsigned spelling above 2^63 reads as negative
   * @param form how it is written
   */
  record Num(long value, Form form) implements Value {
    /** How a number is written. */
    public enum Form {
      DECIMAL,
      /** A decimal that stands for its 64 bits without a sign. */
      UNSIGNED,
      /** With 0x. */
      HEX,
      /** With a leading zero, as strace writes modes. */
      OCTAL
    }

    /** A number in hex, or in decimal with its sign. */
    public Num(long value, boolean hex) {
      this(value, hex ? Form.HEX : Form.DECIMAL);
    }

    /** A number written in decimal. */
    public static Num of(long value) {
      return new Num(value, false);
    }

    /** A number written in hex, except zero, as the recordings do. */
    public static Num hex(long value) {
      return new Num(value, value != 0);
    }
  }

  /**
   * A symbol such as {@code KVM_CREATE_VM} or {@code NULL}.
   *
   * @param name its letters
   */
  record Sym(String name) implements Value {}

  /**
   * Values joined by {@code |}.
   *
   * @param parts two or more symbols, numbers or shifts
   */
  record Flags(List<Value> parts) implements Value {}

  /**
   * {@code left<<right}, as strace writes sizes inside flags.
   *
   * @param left the value that is shifted
   * @param right by how much
   */
  record Shift(Value left, Value right) implements Value {}

  /**
   * A quoted string; its characters are bytes where the log says so.
   *
   * @param text the characters with escapes resolved
   * @param cut whether strace cut it ({@code "ab"...})
   */
  record Str(String text, boolean cut) implements Value {}

  /**
   * {@code {name=value, …}}; an entry without a name stands for its position.
   *
   * @param fields the entries in order
   */
  record Struct(List<Field> fields) implements Value {
    /** Returns the value of a field, or null if the struct does not name it. */
    public @Nullable Value get(String name) {
      for (int i = 0; i < fields.size(); i++) {
        if (fields.get(i).name().equals(name)) {
          return fields.get(i).value();
        }
      }
      return null;
    }
  }

  /**
   * {@code [a, b]}.
   *
   * @param items the entries in order
   */
  record Items(List<Value> items) implements Value {}

  /**
   * A macro with arguments, such as {@code _IOC(…)} or {@code makedev(…)}.
   *
   * @param name the macro's name
   * @param args its arguments
   */
  record Macro(String name, List<Value> args) implements Value {}

  /**
   * {@code before => after}: what was passed and what was written back.
   *
   * @param before the argument
   * @param after the same memory after the call
   */
  record Change(Value before, Value after) implements Value {}

  /** {@code ...}: the writer left the rest out. */
  record Rest() implements Value {}

  /**
   * An entry of a struct or of an exit's details.
   *
   * @param name the field's name with any index ({@code args[0]}); empty for a positional entry
   * @param value its value
   * @param column where it stands, 1-based, 0 if it was never in a file; no part of its identity
   */
  record Field(String name, Value value, int column) {
    /** A field that was never in a file. */
    public static Field of(String name, Value value) {
      return new Field(name, value, 0);
    }

    @Override
    public boolean equals(@Nullable Object o) {
      return o instanceof Field f && f.name.equals(name) && f.value.equals(value);
    }

    @Override
    public int hashCode() {
      return name.hashCode() * 31 + value.hashCode();
    }
  }
}
