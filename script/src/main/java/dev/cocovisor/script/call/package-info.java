/**
 * Typed system calls and guest actions: decoded from lines, encoded to lines, carried out on a
 * process of the model, and compared with what a line says they answered. Numbers behind symbols
 * are here too.
 */
@NullMarked
package dev.cocovisor.script.call;

import org.jspecify.annotations.NullMarked;
