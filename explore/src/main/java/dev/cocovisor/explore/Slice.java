package dev.cocovisor.explore;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * What was made of a portion.
 *
 * @param schedules the executions made
 * @param steps the steps announced in all of them
 * @param outcomes how often each outcome came, by its text
 * @param pairs the pairs of conflicting steps of two parts that met, where the explorer notes them
 * @param findings what broke, one of a kind; nothing of the portion is left then
 * @param rest what is left, in the order of the search
 * @param learnt places that turned out to be touched, and were not known to be
 * @param judged whether all that was to be judged could be: there were not too many orders of whole
 *     calls to try
 */
public record Slice(
    long schedules,
    long steps,
    SortedMap<String, Long> outcomes,
    SortedSet<String> pairs,
    List<Finding> findings,
    List<Portion> rest,
    String learnt,
    boolean judged) {}
