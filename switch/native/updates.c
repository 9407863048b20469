/* Decodes the plain ones among serialized p4.v1.Update messages: INSERT, MODIFY and DELETE of entries of tables with
 * exact and lpm keys, whose bytes are just what protobuf writes for them, with canonical values and nothing unusual.
 * All others, and all that are wrong in any way, are left to whoever can say what is wrong.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PREFIX_HEAD 4

struct table_spec {
	uint32_t id, key_size, value_size, first_field, fields, first_action, actions, prefixes;
};

struct field_spec {
	uint32_t id, width, offset, size, lpm;
};

struct action_spec {
	uint32_t id, number, first_param, params;
};

struct param_spec {
	uint32_t id, width, offset, size;
};

struct specs {
	uint32_t tables, key_stride, value_stride;
	const struct table_spec *table;
	const struct field_spec *field;
	const struct action_spec *action;
	const struct param_spec *param;
};

/* `table` is a position + 1, 0 for an update that is not plain; `entity` is where the Entity message begins. */
struct found {
	uint32_t table, type, action_id, entity;
};

struct bytes {
	const uint8_t *at, *end;
};

static int get_number(struct bytes *in, uint32_t *value)
{
	uint64_t result = 0;

	for (uint32_t shift = 0; shift < 35 && in->at < in->end; shift += 7) {
		uint8_t byte = *in->at++;

		result |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*value = (uint32_t)result;
		return (byte || !shift) && result <= UINT32_MAX;
	}
	return 0;
}

static int get_tag(struct bytes *in, uint8_t tag)
{
	if (in->at >= in->end || *in->at != tag)
		return 0;
	in->at++;
	return 1;
}

static int get_field(struct bytes *in, uint8_t tag, struct bytes *content)
{
	uint32_t size;

	if (!get_tag(in, tag) || !get_number(in, &size) || size > (size_t)(in->end - in->at))
		return 0;
	content->at = in->at;
	content->end = in->at += size;
	return 1;
}

static int get_tagged_number(struct bytes *in, uint8_t tag, uint32_t *value)
{
	return get_tag(in, tag) && get_number(in, value) && *value;
}

/* A canonical value: as few bytes as it needs, at least one, and no bit above the width. */
static int is_canonical(const struct bytes *value, uint32_t width, uint32_t size)
{
	size_t given = value->end - value->at;

	if (!given || given > size || (given > 1 && !*value->at))
		return 0;
	return given < size || !(width % 8) || !(*value->at >> width % 8);
}

static int host_bits_are_zero(const uint8_t *key, const struct field_spec *field, uint32_t length)
{
	uint32_t bit = 8 * field->size - field->width + length;

	for (uint32_t n = bit; n < 8 * field->size; n += 8 - n % 8)
		if (key[field->offset + n / 8] & (0xff >> n % 8))
			return 0;
	return 1;
}

static int decode_match(const struct specs *specs, const struct table_spec *table, struct bytes in, uint64_t *seen,
			uint32_t *prefix, uint8_t *key)
{
	const struct field_spec *field = specs->field + table->first_field;
	struct bytes match, value;
	uint32_t id, n = 0;

	if (!get_tagged_number(&in, 0x08, &id))
		return 0;
	while (n < table->fields && field[n].id != id)
		n++;
	if (n == table->fields || *seen >> n & 1)
		return 0;
	field += n;
	if (!get_field(&in, field->lpm ? 0x22 : 0x12, &match) || in.at != in.end || !get_field(&match, 0x0a, &value) ||
	    !is_canonical(&value, field->width, field->size))
		return 0;
	*seen |= 1ull << n;
	memcpy(key + field->offset + field->size - (value.end - value.at), value.at, value.end - value.at);
	if (field->lpm && (!get_tagged_number(&match, 0x10, prefix) || *prefix > field->width ||
			   !host_bits_are_zero(key, field, *prefix)))
		return 0;
	return match.at == match.end;
}

static int decode_param(const struct specs *specs, const struct action_spec *action, struct bytes in, uint64_t *seen,
			uint8_t *out)
{
	const struct param_spec *param = specs->param + action->first_param;
	struct bytes value;
	uint32_t id, n = 0;

	if (!get_tagged_number(&in, 0x10, &id) || !get_field(&in, 0x1a, &value) || in.at != in.end)
		return 0;
	while (n < action->params && param[n].id != id)
		n++;
	if (n == action->params || *seen >> n & 1 || !is_canonical(&value, param[n].width, (param[n].width + 7) / 8))
		return 0;
	*seen |= 1ull << n;
	for (uint8_t *to = out + param[n].offset; value.end > value.at; to++)
		*to = *--value.end;
	return 1;
}

static int decode_action(const struct specs *specs, const struct table_spec *table, struct bytes in,
			 struct found *found, uint8_t *value)
{
	const struct action_spec *action = specs->action + table->first_action;
	struct bytes content, param;
	uint64_t seen = 0;
	uint32_t n = 0;

	if (!get_field(&in, 0x0a, &content) || in.at != in.end || !get_tagged_number(&content, 0x08, &found->action_id))
		return 0;
	while (n < table->actions && action[n].id != found->action_id)
		n++;
	if (n == table->actions)
		return 0;
	action += n;
	memcpy(value, &action->number, sizeof(action->number));
	while (content.at < content.end)
		if (!get_field(&content, 0x22, &param) || !decode_param(specs, action, param, &seen, value))
			return 0;
	return seen == (action->params ? ~0ull >> (64 - action->params) : 0);
}

static int decode_entry(const struct specs *specs, struct bytes in, struct found *found, uint8_t *key, uint8_t *value)
{
	const struct table_spec *table = specs->table;
	struct bytes content;
	uint64_t seen = 0;
	uint32_t id, prefix = 0, n = 0;
	int has_action;
	uint8_t *bytes;

	if (!get_tagged_number(&in, 0x08, &id))
		return 0;
	while (n < specs->tables && table[n].id != id)
		n++;
	if (n == specs->tables)
		return 0;
	table += n;
	memset(key, 0, table->key_size);
	memset(value, 0, table->value_size);
	bytes = key + (table->prefixes ? PREFIX_HEAD : 0);
	while (in.at < in.end && *in.at == 0x12)
		if (!get_field(&in, 0x12, &content) || !decode_match(specs, table, content, &seen, &prefix, bytes))
			return 0;
	for (uint32_t f = 0; f < table->fields; f++) {
		const struct field_spec *field = specs->field + table->first_field + f;
		uint32_t bits = 8 * (field->offset + field->size) - field->width + prefix;

		if (field->lpm)
			memcpy(key, &bits, PREFIX_HEAD);
		else if (!(seen >> f & 1))
			return 0;
	}
	has_action = in.at < in.end && *in.at == 0x1a;
	if (has_action && (!get_field(&in, 0x1a, &content) || !decode_action(specs, table, content, found, value)))
		return 0;
	if (!has_action && found->type != 3)
		return 0;
	if (in.at < in.end && (!get_field(&in, 0x5a, &content) || content.at == content.end))
		return 0;
	found->table = n + 1;
	return in.at == in.end;
}

static int decode_update(const struct specs *specs, const uint8_t *update, uint32_t size, struct found *found,
			 uint8_t *key, uint8_t *value)
{
	struct bytes in = {update, update + size}, entity, entry;

	if (!get_tagged_number(&in, 0x08, &found->type) || found->type > 3)
		return 0;
	if (!get_field(&in, 0x12, &entity) || in.at != in.end)
		return 0;
	found->entity = (uint32_t)(entity.at - update);
	if (!get_field(&entity, 0x12, &entry) || entity.at != entity.end)
		return 0;
	return decode_entry(specs, entry, found, key, value);
}

/* `data` holds `count` updates of `sizes` bytes one after the other. Keys and values have the bytes that the kernel's
 * side takes, at multiples of their strides; values have the handle 0. Numbers in them are little-endian, as the
 * machine is.
 */
void decode_updates(const struct specs *specs, const uint8_t *data, const uint32_t *sizes, uint32_t count,
		    struct found *found, uint8_t *keys, uint8_t *values)
{
	for (uint32_t n = 0; n < count; n++) {
		memset(&found[n], 0, sizeof(found[n]));
		if (!decode_update(specs, data, sizes[n], &found[n], keys, values))
			found[n].table = 0;
		data += sizes[n];
		keys += specs->key_stride;
		values += specs->value_stride;
	}
}

/* Where the updates (field 4) of a serialized p4.v1.WriteRequest lie that begin the data: starts and ends, as many as
 * follow each other and there is room for. Returns how many that are.
 */
uint32_t find_updates(const uint8_t *data, uint32_t size, uint32_t *places, uint32_t room)
{
	struct bytes in = {data, data + size}, update;
	uint32_t count = 0;

	while (count < room && get_field(&in, 0x22, &update)) {
		places[2 * count] = (uint32_t)(update.at - data);
		places[2 * count++ + 1] = (uint32_t)(update.end - data);
	}
	return count;
}
