/**
 * One race made by the explorer and by Lincheck, for the table of docs/exploring.md.
 *
 * <p>Not a part of the build: Lincheck brings Kotlin's libraries and rewrites the classes it looks
 * at.
 */
@NullMarked
package dev.cocovisor.bench.lincheck;

import org.jspecify.annotations.NullMarked;
