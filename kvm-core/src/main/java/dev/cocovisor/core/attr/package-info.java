/**
 * Memory attributes: which gfns are private. A radix tree whose uniform subtrees are one value, so
 * that a terabyte costs what its boundaries cost. It answers at once whether a 2 MiB or 1 GiB range
 * is uniform, which is what huge mappings need to know.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.attr;
